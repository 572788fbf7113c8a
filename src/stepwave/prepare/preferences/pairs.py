"""Ranked answers as pairs: the best of a question against each that is worse by more than a margin."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record, Turn
from stepwave.facts.errors import ConfigError
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Step, Worker, drawing, one_by_one
from stepwave.prepare.preferences.ranking import OpensRanker, Question, Ranker, Score, read_question
from stepwave.prepare.writing.asking import NothingUsable

CHOSEN, REJECTED = 1, 2
"""Indices of the two answers' turns."""


@dataclass(frozen=True)
class Preferences(Step):
    """Ranks the answers that the step `samples` stored, and writes pairs as `preference` records.

    Turns are the question, the better answer, the worse one. Details: `chosen` and `rejected` (the turns' indices),
    `scores` (of both, each with `total` and `parts`), `margin` (between the totals), `samples` (which of the question's
    answers the two are), `ranker`, `model`.
    """

    name: ClassVar[str] = "preferences"
    part_size: ClassVar[int] = 16
    samples: Path
    """The output of the step `samples`."""
    ranker: OpensRanker
    margin: float = 0.1
    """Totals (0 to 1) must differ by more."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.margin < 1:
            raise ConfigError(f"a margin of {self.margin:g}; wanted 0 or more, and less than 1")

    def rows(self) -> Iterable[Record]:
        """The questions."""
        return read_manifest(self.samples)

    def open(self) -> Worker:
        """Open the ranker."""
        ranker = self.ranker.open()
        return one_by_one(lambda row: list(self._ranked(row, ranker)))

    def _ranked(self, row: Record, ranker: Ranker) -> Iterator[Outcome]:
        question = read_question(row)
        if all(answer.failed for answer in question.answers):
            yield Dropped(row.id, "all answers failed", "none has words and ended by itself")
            return
        try:
            scores, retried = ranker.scores(question, drawing(self.seed, row.id, "ranking"))
        except NothingUsable as problem:
            yield Dropped(row.id, problem.last.reason, problem.last.detail, problem.earlier)
            return
        usable = [place for place, answer in enumerate(question.answers) if not answer.failed]
        best = max(usable, key=lambda place: scores[place].total)
        worse = [place for place, score in enumerate(scores) if scores[best].total - score.total > self.margin]
        if not worse:
            totals = ", ".join(f"{score.total:.3f}" for score in scores)
            yield Dropped(row.id, "no answer is clearly worse than the best", totals, retried)
        for place in worse:
            yield Kept(self._pair(row, question, scores[best], scores[place], best, place), retried=retried)
            retried = ()

    def _pair(self, row: Record, question: Question, good: Score, bad: Score, best: int, worse: int) -> Record:
        turns = (
            question.turn,
            _noticed(question.answers[best].turn, good),
            _noticed(question.answers[worse].turn, bad),
        )
        details = {
            "chosen": CHOSEN,
            "rejected": REJECTED,
            "scores": {"chosen": _as_json(good), "rejected": _as_json(bad)},
            "margin": round(good.total - bad.total, 4),
            "samples": {"chosen": best, "rejected": worse},
            "ranker": self.ranker.name,
            "model": row.details.get("model", ""),
        }
        name = f"{row.id}-{best}-{worse}"
        return Record(name, "preference", turns, row.source, row.licence, row.split, details)


def _noticed(turn: Turn, score: Score) -> Turn:
    if turn.clip is None or not score.noticed:
        return turn
    return replace(turn, clip=replace(turn.clip, attributes={**turn.clip.attributes, **score.noticed}))


def _as_json(score: Score) -> dict[str, Any]:
    parts = {name: round(part, 4) for name, part in score.parts.items()}
    return {"total": round(score.total, 4), "parts": parts}
