"""How answers' scores become one figure: averages with intervals, failures counted apart, targets met or not.

A measure scores each answer by itself, as an amount per something (errors per word, seconds per second of sound), from
what is stored. Averages of ratios are sums over sums, so that long texts weigh more; what is no average (BLEU, say) is
an aggregate. The ways of scoring an answer are in `scoring.measures`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stepwave.evaluation.answers import Answer, UnscorableError
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.scoring.aggregates import Aggregate
from stepwave.evaluation.scoring.metrics import (
    RESAMPLINGS,
    Interval,
    draws,
    median_interval,
    percentiles,
    ratio,
    ratio_interval,
)
from stepwave.facts.errors import AudioError

Unit: TypeAlias = Literal["%", "points", "s", ""]
Average: TypeAlias = Literal["mean", "median", "worst"]


@dataclass(frozen=True)
class Score:
    """One answer's score: `amount` per `per`."""

    amount: float
    per: float = 1.0
    reference: str = ""
    """The text compared with, for those who want to see the errors."""
    hypothesis: str = ""
    """The text compared."""
    counts: tuple[float, ...] = ()
    """What the item adds to the sums that an `OfSums` aggregate is made of: matches of n-grams, true positives, ..."""
    predicted: str = ""
    """The class that the answer names, for tables of confusions with `Item.label`."""
    reason: str = ""
    """Why it was scored so, such as a judge's words."""
    method: str = ""
    """What it was counted by, name and version: a normaliser and its units, sacreBLEU's signature."""


@dataclass(frozen=True)
class Target:
    """The value a figure shall reach."""

    limit: float
    better: Literal["lower", "higher"] = "lower"

    def met(self, value: float) -> bool:
        """Whether `value` reaches it; NaN never does."""
        return value <= self.limit if self.better == "lower" else value >= self.limit


def scale_of(unit: str) -> float:
    """What a score's ratio is multiplied with for its unit."""
    return 100.0 if unit in ("%", "points") else 1.0


@dataclass(frozen=True)
class Measure:
    """A declared figure: how an answer is scored and how scores become one number."""

    name: str
    """Shown in reports; unique within a check."""
    score: Callable[[Answer, Evidence], Score | None]
    """Scores one answer; None where the question has no place in this measure."""
    unit: Unit = "%"
    average: Average = "mean"
    target: Target | None = None
    """None for a figure that only informs."""
    aggregate: Aggregate | None = None
    """A figure of all scores at once, in its own unit, in place of an average; None for the average."""
    by: str = ""
    """A tag of the items: there is a figure for each of its values, and then their plain mean. Empty for all alike."""
    better: Literal["lower", "higher"] | None = None
    """Which way is better, for comparisons and charts; None where a target says it, or nobody can."""

    @property
    def scale(self) -> float:
        """What a ratio is multiplied with for its unit."""
        return scale_of(self.unit)

    @property
    def direction(self) -> Literal["lower", "higher"] | None:
        """Which way is better, as far as it is known."""
        return self.better or (None if self.target is None else self.target.better)


@dataclass(frozen=True)
class Figure:
    """One row of a report."""

    check: str
    name: str
    value: float
    """NaN where nothing could be scored."""
    unit: Unit
    interval: Interval | None
    """Where the figure lies; None for a worst case."""
    n: int
    """Answers that took part, those that failed included."""
    failed: int
    """Of these, how many gave nothing to score: they are in no average, and no target is met with any."""
    target: Target | None = None
    by: str = ""
    """The tag by which the measure is given; empty for all items alike."""
    group: str = ""
    """The tag's value that this row is about; empty for all items, or for the mean of all groups."""
    better: Literal["lower", "higher"] | None = None
    """Which way is better, where that is known."""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached, with nothing failed; None without a target."""
        return None if self.target is None else self.failed == 0 and self.target.met(self.value)


@dataclass(frozen=True)
class ScoredItem:
    """An answer's score under one measure, or why it has none."""

    check: str
    measure: str
    item: str
    score: Score | None
    error: str = ""
    group: str = ""
    """The value of the tag that the measure is given by."""
    label: str = ""
    """The item's class."""


def apply(
    measure: Measure, check: str, answers: Sequence[Answer], evidence: Evidence
) -> tuple[list[Figure], list[ScoredItem]]:
    """The figures of a measure over all answers of a check, and the scores they are made of.

    One figure, or with `Measure.by` one per group in the order in which they come, and then the mean of the groups.
    """
    scored = [each for each in (_score(measure, check, answer, evidence) for answer in answers) if each is not None]
    whole = _figure(measure, check, scored)
    if not measure.by:
        return [whole], scored
    grouped: dict[str, list[ScoredItem]] = {}
    for each in scored:
        grouped.setdefault(each.group, []).append(each)
    figures = [replace(_figure(measure, check, group), group=name, target=None) for name, group in grouped.items()]
    resampled = [_resampled(measure, _scores(group), seed) for seed, group in enumerate(grouped.values())]
    mean = float(np.mean([figure.value for figure in figures])) if figures else float("nan")
    # Each group is drawn from by itself, as the mean of groups weighs them alike however many items they have.
    interval = percentiles(np.mean(resampled, axis=0)) if resampled else whole.interval
    return [*figures, replace(whole, value=mean, interval=interval)], scored


def _figure(measure: Measure, check: str, scored: Sequence[ScoredItem]) -> Figure:
    scores = _scores(scored)
    value, interval = _averaged(measure, scores)
    failed = len(scored) - len(scores)
    return Figure(
        check, measure.name, value, measure.unit, interval, len(scored), failed, measure.target, measure.by,
        better=measure.direction,
    )  # fmt: skip


def _scores(scored: Sequence[ScoredItem]) -> list[Score]:
    return [each.score for each in scored if each.score is not None]


def _averaged(measure: Measure, scores: Sequence[Score]) -> tuple[float, Interval | None]:
    if measure.aggregate is not None:
        return measure.aggregate.value(scores), percentiles(_resampled(measure, scores))
    amounts, pers = [score.amount for score in scores], [score.per for score in scores]
    if measure.average == "mean":
        return ratio(amounts, pers) * measure.scale, ratio_interval(amounts, pers, scale=measure.scale)
    each = sorted(amount / per * measure.scale for amount, per in zip(amounts, pers, strict=True))
    if measure.average == "median":
        return _median(each), median_interval(each)
    return (each[-1] if each else float("nan")), None


def _resampled(measure: Measure, scores: Sequence[Score], seed: int = 0) -> NDArray[np.float64]:
    """The figure of each of the bootstrap's draws, `[RESAMPLINGS]`; NaN without scores."""
    if not scores:
        return np.full(RESAMPLINGS, np.nan)
    places = draws(len(scores), seed)
    if measure.aggregate is not None:
        return measure.aggregate.resampled(scores, places)
    amounts, pers = np.array([score.amount for score in scores]), np.array([score.per for score in scores])
    if measure.average == "mean":
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(measure.scale * amounts[places].sum(1) / pers[places].sum(1))
    each = amounts / pers * measure.scale
    return np.asarray(np.median(each[places], axis=1) if measure.average == "median" else each[places].max(axis=1))


def _score(measure: Measure, check: str, answer: Answer, evidence: Evidence) -> ScoredItem | None:
    item = answer.item
    told = ScoredItem(
        check, measure.name, item.id, None, group=item.tags.get(measure.by, "") if measure.by else "", label=item.label
    )
    if answer.status == "failed":
        return replace(told, error=answer.error)
    try:
        score = measure.score(answer, evidence)
    except (UnscorableError, AudioError) as failure:
        return replace(told, error=str(failure))
    return None if score is None else replace(told, score=score)


def _median(ordered: Sequence[float]) -> float:
    if not ordered:
        return float("nan")
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
