"""Common Voice and the two corpora of translations made from it."""

from typing import Any

import pytest

from stepwave.facts.errors import DataError

HEAD = "client_id\tpath\tsentence\tup_votes\tdown_votes\tage\tgender\taccents\tlocale"
SPEAKER = "ab12" * 32


def german(disk: Any, *names: str, table: str = "validated") -> None:
    rows = [f'{SPEAKER}\t{name}.mp3\tEin "Satz\t2\t0\ttwenties\tfemale_feminine\tBayern\tde' for name in names]
    disk.text(f"cv/de/{table}.tsv", HEAD, *rows)
    for name in names:
        disk.tone(f"cv/de/clips/{name}.mp3", rate=48_000)


def test_common_voice_knows_its_speakers(disk: Any, take: Any) -> None:
    german(disk, "common_voice_de_1", table="train")
    german(disk, "common_voice_de_1", "common_voice_de_2")
    records, _ = take("common-voice", disk.root / "cv")
    (record,) = records.values()
    clip = record.clips[0]
    assert (record.turns[0].text, record.turns[0].language) == ('Ein "Satz', "de")
    assert clip.voice == f"common-voice/{SPEAKER[:16]}"
    assert clip.attributes == {"gender": "female", "age": "twenties", "accent": "Bayern"}
    assert clip.seconds == pytest.approx(0.5, abs=0.06)
    more, totals = take("common-voice", disk.root / "cv/de", splits=("validated",))
    assert {each.split for each in more.values()} == {"validated"}
    assert totals["records"] == 2


def test_common_voice_without_a_column_says_which(disk: Any, take: Any) -> None:
    disk.text("de/train.tsv", "client_id\tpath", "a\tb.mp3")
    disk.tone("de/clips/b.mp3")
    with pytest.raises(DataError, match=r"train\.tsv lacks the column sentence; it has: client_id, path"):
        take("common-voice", disk.root)


def test_covost_translates_into_text(disk: Any, take: Any) -> None:
    german(disk, "common_voice_de_1", "common_voice_de_2", "common_voice_de_3")
    lines = [f"common_voice_de_{n}.mp3\tA sentence {n}\t{part}" for n, part in ((1, "train"), (2, "train_covost"))]
    disk.text("cv/de/covost_v2.de_en.tsv", "path\ttranslation\tsplit", *lines, "common_voice_de_3.mp3\t\ttest")
    records, totals = take("covost-2", disk.root / "cv/de")
    assert totals["dropped"] == {"no translation": 1}
    record = records["covost-2-de_en-common_voice_de_2"]
    human, assistant = record.turns
    assert (record.kind, record.split) == ("s2tt", "train")
    assert (human.role, human.text, human.language, human.spoken) == ("human", 'Ein "Satz', "de", True)
    assert (assistant.role, assistant.text, assistant.language, assistant.clip) == (
        "assistant",
        "A sentence 2",
        "en",
        None,
    )
    assert take("covost-2", disk.root / "cv/de", splits=("dev",))[1]["records"] == 0


def test_covost_by_parts_may_lie_elsewhere(disk: Any, take: Any) -> None:
    german(disk, "common_voice_de_1")
    disk.text("lists/covost_v2.de_en.tsv", "path\ttranslation\tsplit", "common_voice_de_1.mp3\tWhole\ttrain")
    head, row = "path\tsentence\ttranslation\tclient_id", "common_voice_de_1.mp3\tSatz\tA sentence\tcd34"
    disk.text("lists/covost_v2.de_en.dev.tsv", head, row)
    records, _ = take("covost-2", disk.root / "lists", sounds=disk.root / "cv/de")
    (record,) = records.values()
    assert (record.split, record.turns[0].text, record.turns[1].text) == ("dev", "Satz", "A sentence")
    assert record.clips[0].voice == "covost-2/cd34"
    with pytest.raises(DataError, match="name it with --sounds"):
        take("covost-2", disk.root / "lists")


def test_cvss_translates_into_speech(disk: Any, take: Any) -> None:
    german(disk, "common_voice_de_1", "common_voice_de_2")
    disk.text("cvss_c/train.tsv", "common_voice_de_1.mp3\ta sentence", "common_voice_de_2.mp3\tno sound")
    disk.tone("cvss_c/train/common_voice_de_1.mp3.wav", 0.8, rate=24_000)
    records, totals = take("cvss", disk.root / "cvss_c", sounds=disk.root / "cv/de")
    assert totals["dropped"] == {"no such sound": 1}
    (record,) = records.values()
    human, assistant = record.turns
    assert (record.kind, human.language, assistant.language) == ("s2st", "de", "en")
    assert human.clip is not None
    assert assistant.clip is not None
    assert (assistant.text, assistant.spoken, assistant.clip.seconds) == ("a sentence", True, 0.8)
    assert (human.clip.voice, assistant.clip.voice) == (f"cvss/{SPEAKER[:16]}", "cvss/c")
    assert human.clip.id != assistant.clip.id


def test_cvss_t_speaks_with_the_voice_of_its_source(disk: Any, take: Any) -> None:
    german(disk, "common_voice_de_1")
    for folder in ("cvss_t_de_en_v1.0", "translations"):
        disk.text(f"{folder}/dev.tsv", "common_voice_de_1.mp3\ta sentence")
        disk.tone(f"{folder}/dev/common_voice_de_1.wav", rate=24_000)
    (told,) = take("cvss", disk.root / "cvss_t_de_en_v1.0", sounds=disk.root / "cv/de")[0].values()
    (untold,) = take("cvss", disk.root / "translations", sounds=disk.root / "cv/de")[0].values()
    assert [record.clips[1].voice for record in (told, untold)] == [f"cvss/t-{SPEAKER[:16]}", ""]
