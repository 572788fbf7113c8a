from pathlib import Path

import numpy as np
import pytest

from stepwave.evaluation.answers import AnswerFile, Arrival, MadeCall, Produced, append_line, read_lines
from stepwave.evaluation.items import Call, Item, Sound, Turn
from stepwave.facts.errors import AudioValueError, DataError, OutputError
from stepwave.text.standard_tools import WEATHER

ITEM = Item("a/b", "hello", Sound("some.wav"), ("hi", "hello you"))


def test_what_is_stored_is_read_again(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path / "run", "check")
    sound = np.linspace(-0.5, 0.5, 2_400, dtype=np.float32)
    stored = file.store(ITEM, Produced("hi", "hullo", sound, sound, True, 1.5, (Arrival(0.5, 0.1),)))
    failed = file.store_failure(Item("c", "x"), ValueError("too loud"))
    again = AnswerFile(tmp_path / "run", "check")
    assert again.answers == {"a/b": stored, "c": failed}
    assert stored.status == "cut"
    assert stored.sound_seconds == pytest.approx(0.1)
    assert failed.error == "ValueError: too loud"
    assert stored.sound is not None
    assert stored.original is not None
    assert stored.sound != stored.original
    assert len(again.sound(stored.sound)) == 1_600


def test_calls_prompts_and_whole_items_are_read_again(tmp_path: Path) -> None:
    turns = (Turn("user", "Hi.", Sound("a.wav", "ab" * 32)), Turn("assistant", "Yes?", calls=(Call("date_time"),)))
    item = Item(
        "x", "weather?", Sound("b.flac", start=1.5, seconds=2.0), language="zh", system="Be brief.", turns=turns,
        tools=(WEATHER,), calls=(Call("weather", {"location": "Oslo"}),), options=("a", "b"), tags={"task": "age"},
    )  # fmt: skip
    produced = Produced("", calls=(MadeCall("weather", '{"location": "Oslo"}', 0.5),), prompt="system: Be brief.")
    stored = AnswerFile(tmp_path, "check").store(item, produced, ("cd" * 32,))
    assert AnswerFile(tmp_path, "check").answers == {"x": stored}
    assert (stored.calls, stored.prompt, stored.digests) == (produced.calls, "system: Be brief.", ("cd" * 32,))


def test_answers_of_the_first_format_are_read(tmp_path: Path) -> None:
    line = (
        '{"item": {"id": "q", "text": "what", "sound": "/a/q.flac", "accepted": ["that"]}, "status": "cut", '
        '"text": "this", "heard": "what", "sound": "check/q.wav", "original": null, "sound_seconds": 1.5, '
        '"seconds": 0.5, "arrivals": [{"after": 0.1, "seconds": 1.5}], "error": ""}'
    )
    (tmp_path / "check.answers.jsonl").write_text(line + "\n")
    answer = AnswerFile(tmp_path, "check").answers["q"]
    assert answer.item == Item("q", "what", Sound("/a/q.flac"), ("that",))
    assert (answer.status, answer.arrivals, answer.calls) == ("cut", (Arrival(0.1, 1.5),), ())


@pytest.mark.parametrize("line", ["[]", '{"item": {"id": "q", "text": "", "colour": "red"}, "arrivals": []}'])
def test_what_is_no_answer_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "check.answers.jsonl").write_text(line + "\n")
    with pytest.raises(DataError, match=r"check\.answers\.jsonl can't be read"):
        AnswerFile(tmp_path, "check")


def test_no_sound_and_an_empty_sound_leave_no_wav(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path, "check")
    assert file.store(ITEM, Produced("hi")).sound is None
    assert file.store(ITEM, Produced("hi", sound=np.zeros(0, np.float32))).sound is None
    assert [path.name for path in tmp_path.iterdir()] == ["check.answers.jsonl"]


def test_the_newest_line_about_an_item_counts(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path, "check")
    file.store_failure(ITEM, ValueError("no"))
    second = file.store(ITEM, Produced("yes"))
    assert AnswerFile(tmp_path, "check").answers == {"a/b": second}
    assert len(read_lines(file.path)) == 2


def test_a_sound_that_cannot_be_stored_leaves_no_record(tmp_path: Path) -> None:
    file = AnswerFile(tmp_path, "check")
    with pytest.raises(AudioValueError):
        file.store(ITEM, Produced(sound=np.full(100, np.nan, np.float32)))
    assert file.answers == {}
    assert not file.path.exists()


def test_a_half_written_line_is_dropped_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    append_line(path, {"n": 1})
    with path.open("a") as file:
        file.write('{"n": ')
    assert read_lines(path) == [{"n": 1}]
    append_line(path, {"n": 2})
    assert read_lines(path) == [{"n": 1}, {"n": 2}]
    assert path.read_text() == '{"n": 1}\n{"n": 2}\n'


def test_a_first_line_half_written_is_dropped_too(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"n')
    append_line(path, {"n": 2})
    assert read_lines(path) == [{"n": 2}]


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose another"):
        AnswerFile(tmp_path / "file" / "run", "check").store(ITEM, Produced("hi"))
