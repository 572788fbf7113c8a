import hashlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepwave.evaluation.declaration import Check, Places
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.runner import run_check, stored_answers
from stepwave.facts.errors import CheckpointIncompleteError


def texts(model: Any) -> list[str]:
    return [question.last.text for question in model.asked]


@pytest.fixture
def items(saying: Check, places: Places) -> list[Item]:
    return saying.items(places)


def test_answers_come_in_order_and_are_stored(model: Any, saying: Check, items: list[Item], tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    answers = run_check(saying, items, model, tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert [answer.item.id for answer in answers] == ["one", "two"]
    assert stored_answers(saying, tmp_path) == answers
    assert steps == [(0, 2), (1, 2), (2, 2)]


def test_an_answer_that_is_there_is_not_asked_for_again(
    model: Any, saying: Check, items: list[Item], tmp_path: Path
) -> None:
    run_check(saying, items[:1], model, tmp_path)
    run_check(saying, items, model, tmp_path)
    assert texts(model) == ["good morning", "see you soon"]
    model.prepared.clear()
    run_check(saying, items, model, tmp_path)
    assert model.prepared == []


def test_a_changed_item_is_asked_again(model: Any, saying: Check, items: list[Item], tmp_path: Path) -> None:
    run_check(saying, items, model, tmp_path)
    answers = run_check(saying, [replace(items[0], text="good night"), items[1]], model, tmp_path)
    assert texts(model) == ["good morning", "see you soon", "good night"]
    assert answers[0].text == "good night"


def test_a_failed_item_is_kept_as_failed_and_tried_again_later(
    model: Any, saying: Check, items: list[Item], tmp_path: Path
) -> None:
    model.answers = {"one": RuntimeError("no breath left")}
    first = run_check(saying, items, model, tmp_path)
    assert [answer.status for answer in first] == ["failed", "finished"]
    assert first[0].error == "RuntimeError: no breath left"
    model.answers = {}
    second = run_check(saying, items, model, tmp_path)
    assert [answer.status for answer in second] == ["finished", "finished"]
    assert texts(model) == ["good morning", "see you soon", "good morning"]


def test_every_item_has_a_session_and_a_seed_of_its_own(
    model: Any, saying: Check, items: list[Item], tmp_path: Path
) -> None:
    run_check(saying, items, model, tmp_path / "a", seed=1)
    own = [question.seed for question in model.asked]
    assert len(set(own)) == 2
    run_check(saying, items[1:], model, tmp_path / "b", seed=1)
    assert model.asked[2].seed == own[1]
    run_check(saying, items, model, tmp_path / "c", seed=2)
    assert not {question.seed for question in model.asked[3:]} & set(own)


def test_a_missing_part_stores_nothing(model: Any, saying: Check, items: list[Item], tmp_path: Path) -> None:
    model.lacking = {"reading"}
    with pytest.raises(CheckpointIncompleteError):
        run_check(saying, items, model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_our_own_slips_are_not_taken_for_failures(
    model: Any, saying: Check, items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slip(question: object) -> None:
        raise AttributeError("say")

    monkeypatch.setattr(model, "ask", slip)
    with pytest.raises(AttributeError):
        run_check(saying, items, model, tmp_path)


def test_times_of_one_run_stay_together(model: Any, saying: Check, recording: Sound, tmp_path: Path) -> None:
    timed = replace(saying, task="timed_reply", timed=True)
    items = [Item("one", "x", recording), Item("two", "x", recording)]
    run_check(timed, items[:1], model, tmp_path)
    assert len(model.asked) == 2, "one goes ahead unstored"
    run_check(timed, items, model, tmp_path)
    assert len(model.asked) == 2 + 3, "an unfinished run starts over"
    run_check(timed, items, model, tmp_path)
    assert len(model.asked) == 5, "a finished one is kept"
    assert len(stored_answers(timed, tmp_path)) == 2


def test_as_many_items_are_asked_at_once_as_subject_and_caller_allow(
    scripted: Any, saying: Check, tmp_path: Path
) -> None:
    meeting = threading.Barrier(3, timeout=20)

    def wait_for_the_others(question: Any) -> str:
        meeting.wait()
        return question.last.text

    items = [Item(str(number), f"text {number}") for number in range(6)]
    subject = scripted({item.id: wait_for_the_others for item in items}, at_once=3)
    answers = run_check(saying, items, subject, tmp_path, parallel=8)
    assert [answer.text for answer in answers] == [item.text for item in items]
    assert len(stored_answers(saying, tmp_path)) == 6


def test_answers_that_were_there_outlive_a_run_that_is_killed(scripted: Any, saying: Check, tmp_path: Path) -> None:
    items = [Item(str(number), f"text {number}") for number in range(4)]
    subject = scripted({"2": AttributeError("our own slip")}, at_once=2)
    with pytest.raises(AttributeError):
        run_check(saying, items, subject, tmp_path, parallel=2)
    there = {answer.item.id for answer in stored_answers(saying, tmp_path)}
    assert {"0", "1"} <= there
    subject.answers, subject.asked = {}, []
    answers = run_check(saying, items, subject, tmp_path, parallel=2)
    assert [answer.status for answer in answers] == ["finished"] * 4
    assert {question.item for question in subject.asked} == {item.id for item in items} - there


def test_a_missing_or_another_recording_fails_its_item_alone(
    model: Any, saying: Check, recording: Sound, tmp_path: Path
) -> None:
    items = [
        Item("good", "x", recording),
        Item("wrong", "x", replace(recording, digest="ab" * 32)),
        Item("gone", "x", Sound(str(tmp_path / "gone.wav"))),
    ]
    good, wrong, gone = run_check(replace(saying, task="reply"), items, model, tmp_path / "run")
    assert good.status == "finished"
    assert good.digests == (hashlib.sha256(Path(recording.path).read_bytes()).hexdigest(),)
    assert wrong.status == gone.status == "failed"
    assert "abababababababab... was wanted; fetch it again" in wrong.error
    assert "gone.wav can't be read (No such file or directory)" in gone.error
    right = replace(items[1], sound=replace(recording, digest=good.digests[0]))
    assert run_check(replace(saying, task="reply"), [right], model, tmp_path / "run")[0].status == "finished"
