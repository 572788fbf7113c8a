"""Any folder of recordings, with a table or without."""

from typing import Any

import pytest

from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.ingest.listening import Rules
from stepwave.prepare.ingest.step import Ingest


def test_a_table_says_what_recordings_are(disk: Any, take: Any) -> None:
    disk.tone("a.wav", 1.0)
    disk.tone("deep/b b.flac", 3.0)
    disk.text(
        "my.tsv",
        "path\ttext\tspeaker\tlanguage\tstart\tend\tgender\tmood\tsplit",
        'a.wav\tHe said "no\tann\ten_us\t\t\tF\tcalm\t',
        "deep/b b.flac\tFirst\tbob\ten\t0.5\t1.25\t\t\t",
        "deep/b b.flac\tSecond\tbob\ten\t1.25\t2\t\t\tdev",
        "deep/b b.flac\tWrong\tbob\ten\tx\t2\t\t\t",
        "deep/b b.flac\tNo length\tbob\ten\t2\t\t\t\t",
        "\tNo file\tbob\ten\t\t\t\t\t",
    )
    records, totals = take("folder", disk.root, called="mine", licence="mine alone")
    assert totals["dropped"] == {"no such sound": 1, "unusable entry of the corpus": 2}
    whole, first, second = records.values()
    assert (whole.turns[0].text, whole.turns[0].language, whole.licence) == ('He said "no', "en", "mine alone")
    assert whole.clips[0].attributes == {"gender": "female", "mood": "calm"}
    assert whole.clips[0].voice == "mine/ann"
    assert [each.details["start"] for each in (first, second)] == [0.5, 1.25]
    assert [each.details["position"] for each in (first, second)] == [0, 1]
    assert [each.details["recording"] for each in (first, second)] == ["b b", "b b"]
    assert [each.clips[0].seconds for each in (first, second)] == [0.75, 0.75]
    assert (first.split, second.split) == ("train", "dev")


def test_a_table_of_labels_is_of_sounds_and_one_of_translations_of_translations(disk: Any, take: Any) -> None:
    disk.tone("x.ogg")
    disk.text("sounds.tsv", "path\tlabels\tcaptions", "x.ogg\tdog | bark\tA dog barks.")
    (sound,) = take("folder", disk.root)[0].values()
    assert (sound.kind, sound.details["labels"], sound.details["captions"]) == (
        "sound",
        ["dog", "bark"],
        ["A dog barks."],
    )
    disk.text("pairs.csv", "path,text,language,translation,translation_language", 'x.ogg,"Ja, gut",de,"Yes, good",en')
    with pytest.raises(DataError, match=r"several tables \(pairs.csv, sounds.tsv\); say which one with --table"):
        take("folder", disk.root)
    (pair,) = take("folder", disk.root, table="pairs.csv")[0].values()
    assert (pair.kind, [turn.text for turn in pair.turns]) == ("s2tt", ["Ja, gut", "Yes, good"])
    assert [turn.language for turn in pair.turns] == ["de", "en"]


def test_a_table_without_paths_names_its_columns(disk: Any, take: Any) -> None:
    disk.tone("a.wav")
    disk.text("list.tsv", "a.wav\tno heading")
    disk.text("list.tsv", "sound\twords", "a.wav\tx")
    with pytest.raises(DataError, match=r"list\.tsv lacks the column path; it has: sound, words"):
        take("folder", disk.root)


def test_a_folder_without_a_table_needs_to_be_told(disk: Any, take: Any) -> None:
    disk.tone("dog_bark/1.wav")
    disk.tone("rain/1.wav")
    (disk.root / "rain/readme.txt").write_text("not sound")
    with pytest.raises(DataError, match=r"--kind sound .* or --kind speech --untranscribed"):
        take("folder", disk.root)
    sounds, _ = take("folder", disk.root, kind="sound")
    assert [record.details["labels"] for record in sounds.values()] == [["dog bark"], ["rain"]]
    speech, totals = take("folder", disk.root, kind="speech", languages=("zh-CN",), rules=Rules(untranscribed=True))
    assert [(record.kind, record.turns[0].language) for record in speech.values()] == [("speech", "zh")] * 2
    assert totals["dropped"] == {}
    assert take("folder", disk.root, kind="speech")[1]["dropped"] == {"no transcript": 2}


def test_a_name_that_does_not_fit_into_file_names_is_refused(disk: Any) -> None:
    with pytest.raises(ConfigError, match="'my corpus/1'"):
        Ingest("folder", disk.root, called="my corpus/1")
