"""Speech translation from parallel sentences: kinds, directions, attribution, and no sentence on both sides."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError, DataError, RegistryError
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step
from stepwave.prepare.writing import speakable
from stepwave.prepare.writing.parallel import Pair, families, read_pairs
from stepwave.prepare.writing.speakable import Lengths
from stepwave.prepare.writing.translations import Translations

WORDS = ("apple", "bread", "river", "mountain", "teacher", "music", "winter", "garden", "window", "letter")
HAN = "苹面河山老音冬花窗信"


def table(folder: Path) -> Path:
    """A hundred pairs with an attribution each."""
    file = folder / "pairs.tsv"
    file.write_text(
        "".join(
            f"The {a} and the {b}.\t{HAN[i]}和{HAN[j]}都在。\tCC-BY 2.0 (France) Attribution: tatoeba.org #{i}{j}\n"
            for i, a in enumerate(WORDS)
            for j, b in enumerate(WORDS)
        ),
        encoding="utf-8",
    )
    return file


def run(step: Translations, folder: Path) -> tuple[list[Record], dict[str, Any]]:
    list(run_step(step, folder, Processes(0)))
    return list(read_manifest(folder)), read_totals(folder)


def test_each_pair_becomes_one_translation_with_its_attribution(tmp_path: Path) -> None:
    records, _ = run(Translations(table(tmp_path), test_share=0.3), tmp_path / "out")
    assert len(records) == 100
    for record in records:
        human, assistant = record.turns
        assert {human.language, assistant.language} == {"en", "zh"}
        assert ("和" in human.text) == (human.language == "zh")
        sound = {"s2tt": (True, False), "t2st": (False, True), "s2st": (True, True)}[record.kind]
        assert (human.spoken, assistant.spoken) == sound
        assert human.clip is assistant.clip is None
        assert (human.speaker, assistant.speaker) == ("human", "assistant")
        assert record.licence == "CC-BY 2.0 (France)"
        assert record.details["attribution"].startswith("tatoeba.org #")
        assert (record.source, "prompt" in record.details) == ("pairs", False)
    assert set(Counter(record.kind for record in records)) == {"s2tt", "t2st", "s2st"}
    assert 30 < sum(record.turns[0].language == "en" for record in records) < 70
    assert 10 < sum(record.split == "test" for record in records) < 50


def test_plans_depend_on_the_seed_alone_and_each_pair_on_itself(tmp_path: Path) -> None:
    file = table(tmp_path)
    rows = {row.id: row for row in Translations(file).rows()}
    assert {row.id: row for row in Translations(file).rows()} == rows
    assert {row.id: row for row in Translations(file, seed=1).rows()} != rows
    some = list(Translations(file, count=20).rows())
    assert len(some) == 20
    assert all(rows[row.id] == row for row in some)


@pytest.mark.parametrize(("direction", "spoken"), [("forward", "en"), ("backward", "zh")])
def test_one_direction_and_one_kind_can_be_asked_for(tmp_path: Path, direction: Any, spoken: str) -> None:
    rows = list(Translations(table(tmp_path), direction=direction, shares={"s2tt": 1.0, "s2st": 0.0}).rows())
    assert {(row.kind, row.turns[0].language) for row in rows} == {("s2tt", spoken)}


def test_pairs_that_no_voice_can_say_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    lines = [
        "Good morning.\t早上好。",
        "Room 12.\t十二号房。",
        "Hello Ivan.\t你好Ivan。",
        "A & B.\t甲和乙。",
        "Hi.\t你好。",
    ]
    lines += ["word " * 40 + "\t很好。", "I see.\t好。", "", "Good  morning.\t早上好。"]
    file.write_text("\n".join(lines), encoding="utf-8")
    records, totals = run(Translations(file, licence="CC0"), tmp_path / "out")
    assert [{turn.text for turn in record.turns} for record in records] == [{"Good morning.", "早上好。"}]
    assert records[0].licence == "CC0"
    assert totals["dropped"] == {
        speakable.DIGITS: 1, speakable.SCRIPT: 1, speakable.SYMBOLS: 1, speakable.TOO_SHORT: 2, speakable.TOO_LONG: 1,
    }  # fmt: skip
    wide = Translations(file, digits=True, lengths=(Lengths(1, 50), Lengths(1, 50)))
    assert run(wide, tmp_path / "wide")[1]["records"] == 5


def test_pairs_that_share_a_sentence_stay_in_one_split(tmp_path: Path) -> None:
    pairs = [Pair("Hi.", "嗨。"), Pair("Hi.", "你好。"), Pair("Hello.", "你好。"), Pair("Bye.", "再见。")]
    found = list(families(pairs))
    assert len(set(found[:3])) == 1
    assert found[3] != found[0]
    file = tmp_path / "pairs.tsv"
    file.write_text("".join(f"Sentence {w} is here.\t{h}在这里。\nSentence {w} is here.\t有{h}。\n"
                            for w, h in zip(WORDS, HAN, strict=True)), encoding="utf-8")  # fmt: skip
    rows = list(Translations(file, test_share=0.5).rows())
    assert {row.split for row in rows} == {"train", "test"}
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        assert first.split == second.split


def test_tables_that_are_none_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    with pytest.raises(DataError, match="cannot be read"):
        read_pairs(file)
    file.write_text("\n")
    with pytest.raises(DataError, match="holds no sentences"):
        read_pairs(file)
    file.write_text("a\tb\nonly one\n")
    with pytest.raises(DataError, match="line 2: one column"):
        read_pairs(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="UTF-8"):
        read_pairs(file)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"languages": ("en", "en")}, ConfigError, "name two languages"),
        ({"languages": ("en", "xx")}, RegistryError, "wanted one of: ar,"),
        ({"shares": {"asr": 1.0}}, ConfigError, "wanted 0 or more for: s2tt, t2st, s2st"),
        ({"shares": {"s2tt": 0.0}}, ConfigError, "no kind has a share"),
        ({"shares": {"s2tt": float("nan")}}, ConfigError, "a share of nan"),
        ({"test_share": 1.0}, ConfigError, "below 1"),
        ({"count": -1}, ConfigError, "0 for all"),
    ],
)
def test_settings_that_plan_nothing_are_refused(changes: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Translations(Path("pairs.tsv"), **changes)


def test_tatoeba_gives_thousands_of_pairs(shared_data: Path, tmp_path: Path) -> None:
    step = Translations(shared_data / "text" / "tatoeba_en_cmn.tsv", count=2000)
    records, _ = run(step, tmp_path / "out")
    assert len(records) > 1800
    assert all(record.details["attribution"] for record in records)
    split = {turn.text: record.split for record in records for turn in record.turns}
    assert all(split[turn.text] == record.split for record in records for turn in record.turns)
