"""Sentences as transcriptions and readings, running text as monologues of spoken and written utterances."""

from pathlib import Path
from typing import Any

import pytest

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step
from stepwave.prepare.pipeline.steps import Step
from stepwave.prepare.writing import monologues, speakable, texts
from stepwave.prepare.writing.monologues import Monologues
from stepwave.prepare.writing.speakable import Lengths
from stepwave.prepare.writing.texts import Texts
from stepwave.prepare.writing.unspoken import Unspoken

WORDS = "one two three four five six seven eight nine ten".split()  # noqa: SIM905


def sentences(folder: Path, count: int = 100) -> Path:
    file = folder / "sentences.txt"
    lines = [f"This is sentence {WORDS[n // 10]} {WORDS[n % 10]}." for n in range(count)]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def run(step: Step, folder: Path) -> tuple[list[Record], dict[str, Any]]:
    list(run_step(step, folder, Processes(0)))
    return list(read_manifest(folder)), read_totals(folder)


def test_sentences_may_be_learnt_from_as_plain_text(tmp_path: Path) -> None:
    records, _ = run(Texts(sentences(tmp_path, 5), shares={"text": 1.0}, test_share=0.0), tmp_path / "out")
    assert [record.kind for record in records] == ["text"] * 5
    for record in records:
        (turn,) = record.turns
        assert (turn.role, turn.spoken, turn.language) == ("human", False, "en")
        assert turn.text.startswith("This is sentence")


def test_sentences_are_heard_or_read_as_drawn(tmp_path: Path) -> None:
    step = Texts(sentences(tmp_path), shares={"asr": 3.0, "tts": 1.0}, test_share=0.2, licence="CC0")
    records, _ = run(step, tmp_path / "out")
    assert len(records) == 100
    for record in records:
        human, assistant = record.turns
        assert human.text == assistant.text
        assert (human.spoken, assistant.spoken) == ((True, False) if record.kind == "asr" else (False, True))
        assert (record.source, record.licence) == ("sentences", "CC0")
    assert 60 < sum(record.kind == "asr" for record in records) < 90
    assert 8 < sum(record.split == "test" for record in records) < 35
    assert run(step, tmp_path / "again")[0] == records


def test_a_sentence_keeps_its_kind_and_split_whatever_stands_beside_it(tmp_path: Path) -> None:
    file = sentences(tmp_path)
    rows = {row.id: row for row in Texts(file).rows()}
    assert len(list(Texts(file, count=10).rows())) == 10
    assert all(rows[row.id] == row for row in Texts(file, count=10).rows())


def test_unfit_and_repeated_sentences_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "table.tsv"
    lines = ["a\tGood evening to you.", "b\tHi.", "c\t3 men.", "d\tgood <b>.", "e\tдобрый вечер", "f\tA " + "b" * 50]
    file.write_text("\n".join([*lines, "g\tGood  evening to you.", "", "h\t"]), encoding="utf-8")
    records, totals = run(Texts(file, column=2), tmp_path / "out")
    assert [record.turns[0].text for record in records] == ["Good evening to you."]
    assert totals["dropped"] == {
        speakable.TOO_SHORT: 1, speakable.DIGITS: 1, speakable.SYMBOLS: 1, speakable.SCRIPT: 1, speakable.LONG_WORD: 1,
        texts.TWICE: 1,
    }  # fmt: skip
    assert run(Texts(file, column=2, digits=True), tmp_path / "digits")[1]["records"] == 2


def test_files_and_settings_that_give_nothing_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.txt"
    file.write_text("\n\n")
    for step in (Texts(file), Monologues(file)):
        with pytest.raises(DataError, match="holds no"):
            list(step.rows())
    with pytest.raises(DataError, match="wanted column 2"):
        list(Texts(sentences(tmp_path), column=2).rows())
    with pytest.raises(ConfigError, match="wanted 0 or more for: asr, tts"):
        Texts(file, shares={"s2tt": 1.0})
    with pytest.raises(ConfigError, match="a column from 1"):
        Texts(file, column=0)
    with pytest.raises(ConfigError, match="two at least"):
        Monologues(file, utterances=(1, 3))
    with pytest.raises(ConfigError, match="most no less"):
        Lengths(5, 4)


def test_running_text_alternates_between_sound_and_writing(tmp_path: Path) -> None:
    step = Monologues(sentences(tmp_path), lengths=Lengths(2, 20), test_share=0.2)
    records, _ = run(step, tmp_path / "out")
    spoken_first = set()
    for record in records:
        assert record.kind == "interleaved"
        assert 2 <= len(record.turns) <= 6
        assert {turn.role for turn in record.turns} == {"assistant"}
        assert all(a.spoken != b.spoken for a, b in zip(record.turns, record.turns[1:], strict=False))
        spoken_first.add(record.turns[0].spoken)
    assert spoken_first == {True, False}
    assert len({len(record.turns) for record in records}) > 3
    assert {record.split for record in records} == {"train", "test"}
    told = [turn.text for record in records for turn in record.turns]
    lines = (tmp_path / "sentences.txt").read_text().splitlines()
    assert told == lines[: len(told)]
    assert len(told) >= 95
    assert len(list(Monologues(tmp_path / "sentences.txt", count=5).rows())) == 5


def test_lines_may_break_anywhere_and_gaps_end_a_monologue(tmp_path: Path) -> None:
    file = tmp_path / "book.txt"
    file.write_text("It was a\ndark night. The rain\nfell.\n\nMorning came. See 12 men. They left. They slept.\n")
    records, totals = run(Monologues(file), tmp_path / "out")
    assert [[turn.text for turn in record.turns] for record in records] == [
        ["It was a dark night.", "The rain fell."], ["They left.", "They slept."],
    ]  # fmt: skip
    assert totals["dropped"] == {speakable.DIGITS: 1, monologues.TOO_FEW: 1}


def test_text_without_spaces_is_cut_too(tmp_path: Path) -> None:
    file = tmp_path / "book.txt"
    file.write_text("天黑了。外面下\n着雨。他还没有回来。", encoding="utf-8")
    records, _ = run(Monologues(file, language="zh", utterances=(3, 3)), tmp_path / "out")
    assert [turn.text for turn in records[0].turns] == ["天黑了。", "外面下着雨。", "他还没有回来。"]


def test_conversations_may_be_learnt_from_as_they_are_written(tmp_path: Path) -> None:
    spoken = Texts(sentences(tmp_path, 4), shares={"asr": 1.0}, test_share=0.0)
    scripts, _ = run(spoken, tmp_path / "scripts")
    records, _ = run(Unspoken(tmp_path / "scripts"), tmp_path / "written")
    assert [record.id for record in records] == [f"{script.id}-written" for script in scripts]
    assert [[turn.text for turn in record.turns] for record in records] == [
        [turn.text for turn in script.turns] for script in scripts
    ]
    assert not any(turn.spoken or turn.clip for record in records for turn in record.turns)
