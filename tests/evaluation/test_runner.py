from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepwave.evaluation.answers import Item
from stepwave.evaluation.declaration import Check, Places
from stepwave.evaluation.runner import run_check, stored_answers
from stepwave.facts.errors import CheckpointIncompleteError


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
    assert model.asked == ["good morning", "see you soon"]
    model.begun.clear()
    run_check(saying, items, model, tmp_path)
    assert model.begun == []


def test_a_changed_item_is_asked_again(model: Any, saying: Check, items: list[Item], tmp_path: Path) -> None:
    run_check(saying, items, model, tmp_path)
    answers = run_check(saying, [replace(items[0], text="good night"), items[1]], model, tmp_path)
    assert model.asked == ["good morning", "see you soon", "good night"]
    assert answers[0].text == "good night"


def test_a_failed_item_is_kept_as_failed_and_tried_again_later(
    model: Any, saying: Check, items: list[Item], tmp_path: Path
) -> None:
    model.broken = {"good morning"}
    first = run_check(saying, items, model, tmp_path)
    assert [answer.status for answer in first] == ["failed", "finished"]
    assert first[0].error == "RuntimeError: no breath left"
    model.broken = set()
    second = run_check(saying, items, model, tmp_path)
    assert [answer.status for answer in second] == ["finished", "finished"]
    assert model.asked == ["good morning", "see you soon", "good morning"]


def test_every_item_has_a_session_and_a_seed_of_its_own(
    model: Any, saying: Check, items: list[Item], tmp_path: Path
) -> None:
    run_check(saying, items, model, tmp_path / "a", seed=1)
    own = model.begun[1:]
    assert [task for task, _ in own] == ["say", "say"]
    assert own[0] != own[1]
    model.begun.clear()
    run_check(saying, items[1:], model, tmp_path / "b", seed=1)
    assert model.begun[1:] == own[1:]
    model.begun.clear()
    run_check(saying, items, model, tmp_path / "c", seed=2)
    assert model.begun[1:] != own


def test_a_missing_part_stores_nothing(model: Any, saying: Check, items: list[Item], tmp_path: Path) -> None:
    model.lacking = {"say"}
    with pytest.raises(CheckpointIncompleteError):
        run_check(saying, items, model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_our_own_slips_are_not_taken_for_failures(
    model: Any, saying: Check, items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slip(text: str) -> None:
        raise AttributeError("say")

    monkeypatch.setattr(model, "say", slip)
    with pytest.raises(AttributeError):
        run_check(saying, items, model, tmp_path)


def test_times_of_one_run_stay_together(model: Any, saying: Check, recording: str, tmp_path: Path) -> None:
    timed = replace(saying, task="timed_reply", timed=True)
    items = [Item("one", "x", recording), Item("two", "x", recording)]
    run_check(timed, items[:1], model, tmp_path)
    assert len(model.asked) == 2, "one goes ahead unstored"
    run_check(timed, items, model, tmp_path)
    assert len(model.asked) == 2 + 3, "an unfinished run starts over"
    run_check(timed, items, model, tmp_path)
    assert len(model.asked) == 5, "a finished one is kept"
    assert len(stored_answers(timed, tmp_path)) == 2
