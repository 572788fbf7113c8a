import json
from pathlib import Path

import numpy as np
import pytest

from stepwave.evaluation.answers import MadeCall
from stepwave.evaluation.question import Question, Said
from stepwave.evaluation.subjects.ready_answers import ReadyAnswers
from stepwave.facts.errors import AudioNotFoundError, ConfigError, DataError
from stepwave.signal.files import write_audio


def asked(item: str, check: str = "check") -> Question:
    return Question("text", (Said("user", "What?"),), check, item)


def answers(folder: Path, *records: object) -> ReadyAnswers:
    (folder / "answers.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return ReadyAnswers(folder)


def test_texts_sounds_and_calls_are_given_back(tmp_path: Path) -> None:
    write_audio(tmp_path / "b.wav", np.full(1_600, 0.1, np.float32), 16_000)
    call = {"name": "weather", "arguments": {"location": "Oslo"}}
    subject = answers(
        tmp_path, {"id": "a", "text": "Yes.", "seconds": 2, "calls": [call]}, {"id": "b", "sound": "b.wav"}
    )
    first, second = subject.ask(asked("a")), subject.ask(asked("b"))
    assert (first.text, first.seconds, first.sound) == ("Yes.", 2, None)
    assert first.calls == (MadeCall("weather", '{"location": "Oslo"}'),)
    assert first.prompt == "user: What?"
    assert second.sound is not None
    assert len(second.sound) == 2_400


def test_a_separator_inside_a_text_ends_no_line_and_other_encodings_are_told(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "one\u2028two"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert ReadyAnswers(tmp_path).ask(asked("a")).text == "one\u2028two"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"answers\.jsonl is no text in UTF-8"):
        ReadyAnswers(tmp_path)


def test_an_answer_may_be_that_of_one_check(tmp_path: Path) -> None:
    subject = answers(tmp_path, {"id": "a", "text": "any"}, {"id": "a", "check": "one", "text": "own"})
    assert [subject.ask(asked("a", check)).text for check in ("one", "two")] == ["own", "any"]


def test_who_answered_can_be_told(tmp_path: Path) -> None:
    plain = answers(tmp_path, {"id": "a", "text": "x"})
    assert plain.name == f"answers:{tmp_path}"
    (tmp_path / "about.json").write_text('{"name": "other model", "revision": "2026-01"}')
    told = ReadyAnswers(tmp_path)
    assert (told.name, told.revision) == ("other model", "2026-01")
    assert answers(tmp_path, {"id": "a", "text": "y"}).facts["answers"] != plain.facts["answers"]


def test_an_item_without_an_answer_or_its_sound_fails(tmp_path: Path) -> None:
    subject = answers(tmp_path, {"id": "a", "sound": "gone.wav"})
    with pytest.raises(DataError, match="no answer to b of check"):
        subject.ask(asked("b"))
    with pytest.raises(AudioNotFoundError, match=r"gone\.wav"):
        subject.ask(asked("a"))


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"text": "x"},
        {"id": 3, "text": "x"},
        {"id": "a"},
        {"id": "a", "txt": "x"},
        {"id": "a", "text": None},
        {"id": "a", "text": "x", "seconds": "2"},
        {"id": "a", "calls": [{"arguments": {}}]},
    ],
)
def test_a_line_that_is_no_answer_is_told_with_its_number(tmp_path: Path, record: object) -> None:
    with pytest.raises(DataError, match=r"answers\.jsonl, line 2: "):
        answers(tmp_path, {"id": "a", "text": "x"}, record)


def test_a_folder_without_answers_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no answers\.jsonl"):
        ReadyAnswers(tmp_path)
