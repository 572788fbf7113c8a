"""What a ranker is: it scores the answers to one question, and keeps the parts of each score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from stepwave.data.records import Record, Turn
from stepwave.facts.errors import DataError
from stepwave.prepare.preferences.samples import REFERENCES, SAMPLES


@dataclass(frozen=True)
class Answer:
    """One of the answers to a question."""

    turn: Turn
    ended: bool
    """Whether it ended by itself."""

    @property
    def failed(self) -> bool:
        """Whether it is no answer at all: without words, or cut off at a bound."""
        return not self.ended or not self.turn.text.strip()


@dataclass(frozen=True)
class Question:
    """A question with the answers that are to be ranked."""

    turn: Turn
    answers: tuple[Answer, ...]
    references: tuple[str, ...]
    """Answers that the material gives; none where it gives none."""

    @property
    def language(self) -> str:
        """Of question and answers."""
        return self.turn.language or "en"


@dataclass(frozen=True)
class Score:
    """How good an answer is."""

    total: float
    """0 to 1."""
    parts: Mapping[str, float]
    """What it is made of, by name."""
    noticed: Mapping[str, Any] = field(default_factory=dict)
    """What was found out about its sound, for the clip's attributes."""


class Ranker(Protocol):
    """Scores answers."""

    def scores(self, question: Question, random: Random) -> tuple[Sequence[Score], tuple[str, ...]]:
        """A score for each answer, in their order, and why earlier tries failed, if any did.

        What is drawn comes from `random`. Raises NothingUsable where no try succeeded, DataError for a question that
        can't be ranked.
        """
        ...


class OpensRanker(Protocol):
    """Settings that a ranker is opened from in each process; a frozen dataclass that can be pickled."""

    @property
    def name(self) -> str:
        """What records say of who ranked."""
        ...

    def open(self) -> Ranker:
        """Make the ranker ready. Raises ConfigError, MissingExtraError."""
        ...


def read_question(row: Record) -> Question:
    """A record of the step `samples` as a question. Raises DataError for any other."""
    try:
        samples = row.details[SAMPLES]
        answers = tuple(Answer(row.turns[sample["turn"]], bool(sample["ended"])) for sample in samples)
        references = tuple(map(str, row.details.get(REFERENCES, ())))
    except (KeyError, IndexError, TypeError):
        raise DataError(
            f"record {row.id!r} holds no answers to rank; wanted the output of `stepwave prepare samples`"
        ) from None
    if len(answers) < 2:
        raise DataError(f"record {row.id!r} holds {len(answers)} answers; wanted two or more to compare")
    return Question(row.turns[0], answers, references)
