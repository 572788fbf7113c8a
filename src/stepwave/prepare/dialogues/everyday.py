"""Short everyday questions with their answers, in one turn: drawn from the scripts, the same for the same seed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Literal

from stepwave.prepare.dialogues.clinc import clinc_questions
from stepwave.prepare.dialogues.grammar import normalised, sentence
from stepwave.prepare.dialogues.scripts import Script, all_scripts

Split = Literal["train", "test"]
TEST_SHARE = 0.05
"""Share of the phrasings held out; the answers of both splits are the same."""


@dataclass(frozen=True)
class Dialogue:
    """One question and its answer, as text to be spoken."""

    intent: str
    """What the question is about: the name of a script."""
    question: str
    """What the human says."""
    answer: str
    """What the assistant says: 3 to 14 words, numbers as words, no symbols."""
    split: Split
    """`test` for the phrasings held out."""


def everyday_dialogues(seed: int, clinc: Path | None) -> list[Dialogue]:
    """About 8,400 dialogues, or about 10,200 with the queries of `clinc` (clinc150.json); each question occurs once.

    Raises ConfigError when `clinc` cannot be read.
    """
    extra = {} if clinc is None else clinc_questions(clinc, seed)
    seen: set[str] = set()
    dialogues: list[Dialogue] = []
    for script in all_scripts():
        dialogues += _unseen(_drawn(script, Random(f"{seed} {script.name}"), seed), seen)
    for script in all_scripts():
        dialogues += _unseen(_extra(script, extra.get(script.name, []), seed), seen)
    return _answers_all_trained(dialogues)


def held_out(question: str, seed: int) -> Split:
    """The split of a phrasing, from nothing but its words and the seed."""
    return "test" if Random(f"{seed} {normalised(question)}").random() < TEST_SHARE else "train"


def _drawn(script: Script, random: Random, seed: int) -> Iterator[Dialogue]:
    """Up to `script.most` phrasings per row, taken from all templates in turn; answers in turn too."""
    for number, row in enumerate(script.rows):
        lists = script.phrasings(row)
        for phrasings in lists:
            random.shuffle(phrasings)
        in_turn = [text for texts in zip_longest(*lists) for text in texts if text is not None]
        questions = list({normalised(text): sentence(text) for text in reversed(in_turn)}.values())[::-1]
        answers = [sentence(answer) for answer in script.answers_for(row)]
        for place, question in enumerate(questions[: script.most]):
            answer = answers[(number + place) % len(answers)]
            yield Dialogue(script.name, question, answer, held_out(question, seed))


def _extra(script: Script, questions: list[str], seed: int) -> Iterator[Dialogue]:
    """Questions from elsewhere with the answers of `script`, in turn; a table is asked without its rows."""
    answers = [sentence(answer) for answer in script.answers]
    for place, question in enumerate(questions):
        yield Dialogue(script.name, question, answers[place % len(answers)], held_out(question, seed))


def _unseen(dialogues: Iterable[Dialogue], seen: set[str]) -> Iterator[Dialogue]:
    """Only questions not asked before; `seen` grows."""
    for dialogue in dialogues:
        key = normalised(dialogue.question)
        if key not in seen:
            seen.add(key)
            yield dialogue


def _answers_all_trained(dialogues: list[Dialogue]) -> list[Dialogue]:
    """Put the only phrasings of an answer back into training: an answer never trained cannot be asked for."""
    trained = {dialogue.answer for dialogue in dialogues if dialogue.split == "train"}
    return [each if each.answer in trained else replace(each, split="train") for each in dialogues]
