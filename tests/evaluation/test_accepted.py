from collections.abc import Callable

import pytest

from stepwave.evaluation.accepted import accepted_answers
from stepwave.prepare.dialogues import Dialogue, everyday_dialogues

Accepted = Callable[[str], tuple[str, ...]]


@pytest.fixture(scope="module")
def dialogues() -> list[Dialogue]:
    return everyday_dialogues(0, None)


@pytest.fixture(scope="module")
def accepted() -> Accepted:
    return accepted_answers(0, None)


def test_every_dialogues_own_answer_is_accepted(accepted: Accepted, dialogues: list[Dialogue]) -> None:
    for dialogue in dialogues[::97]:
        assert dialogue.answer in accepted(dialogue.question)


def test_a_row_of_a_table_accepts_only_its_own_answers(accepted: Accepted, dialogues: list[Dialogue]) -> None:
    found = {d.question: d for d in dialogues if d.intent == "sum" and "two" in d.question.lower()}
    assert found
    for dialogue in found.values():
        assert dialogue.answer in accepted(dialogue.question)
        assert len({answer.split()[-1] for answer in accepted(dialogue.question)}) == 1


def test_an_intent_without_a_table_accepts_all_its_answers(accepted: Accepted, dialogues: list[Dialogue]) -> None:
    goodbye = [d for d in dialogues if d.intent == "goodbye"]
    assert {d.answer for d in goodbye} <= set(accepted(goodbye[0].question))
    assert len(accepted(goodbye[0].question)) > 1


def test_a_question_nobody_asks_has_none(accepted: Accepted) -> None:
    assert accepted("Is the moon made of green cheese on Tuesdays?") == ()
