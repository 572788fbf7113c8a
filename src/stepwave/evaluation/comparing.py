"""Two stored runs of a suite side by side: differences with interval and p-value, and the items that differ.

Compared are the items that both runs answered and could score, and that asked the same in both. A measure that is an
average is compared by its mean over these items, also where its figure is a median or a mean of groups; one that is
made of sums, such as BLEU, by the figure of the sums. The statistics are `scoring.paired`'s.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stepwave.evaluation.figures import Figure, Score, ScoredItem, scale_of
from stepwave.evaluation.items import items_digest
from stepwave.evaluation.scoring.aggregates import OfSums
from stepwave.evaluation.scoring.metrics import RESAMPLINGS, Interval
from stepwave.evaluation.scoring.paired import (
    ItemDifference,
    PairedComparison,
    compare_runs,
    differing_items,
    ratio_of_sums,
)
from stepwave.evaluation.scoring.resampling import drawn_sums, percentiles
from stepwave.evaluation.stored_run import StoredRun
from stepwave.facts.errors import ConfigError

SIGNIFICANT: Final = 0.05
"""A p-value below this, and an interval without zero, make a difference."""
Rows: TypeAlias = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class MeasureComparison:
    """One measure in both runs."""

    check: str
    measure: str
    unit: str
    better: Literal["lower", "higher"] | None
    comparison: PairedComparison | None
    """None where there is nothing to compare, for the reason in `why_not`."""
    failed_first: int
    """Items that the first run has no score of."""
    failed_second: int
    asked_differently: int
    """Items of the same name that asked something else; they are not compared."""
    differing: tuple[ItemDifference, ...]
    """Items by how far apart their scores are, in the measure's unit, the farthest first."""
    why_not: str = ""

    @property
    def winner(self) -> Literal["first", "second"] | None:
        """The better run, where interval and p-value both say that there is a difference; None without a direction."""
        if self.comparison is None or self.better is None:
            return None
        interval = self.comparison.interval
        # With few items either of the two may be hasty: intervals of ratios are too narrow then.
        if self.comparison.p_value >= SIGNIFICANT or interval.low <= 0 <= interval.high:
            return None
        return "second" if (self.comparison.difference > 0) == (self.better == "higher") else "first"


def compare_stored(first: StoredRun, second: StoredRun) -> tuple[MeasureComparison, ...]:
    """Compare every measure that both runs have a figure of. Raises ConfigError for runs of two suites."""
    if first.suite != second.suite:
        raise ConfigError(
            f"{first.folder} is a run of {first.suite}, and {second.folder} one of {second.suite}; "
            "name two runs of one suite"
        )
    return tuple(_compared(first, second, figure) for figure in _measures(first, second))


def pooled_interval(run: StoredRun, figures: Sequence[Figure]) -> Interval | None:
    """Interval of the plain mean of several figures of a run, by a bootstrap within each; None where that can't be.

    Figures that share items are taken as if they did not.
    """
    drawn = []
    for seed, figure in enumerate(figures):
        rows, score = _drawable(run, figure)
        if not rows or score is None:
            return None
        sums = drawn_sums(np.array(list(rows.values())), seed=seed, resamplings=RESAMPLINGS)
        drawn.append(np.array([score(each) for each in sums]))
    return percentiles(np.mean(drawn, axis=0)) if drawn else None


def _measures(first: StoredRun, second: StoredRun) -> Iterator[Figure]:
    """A figure for each measure in both, that of all items."""
    for figure in first.figures:
        if not figure.group and second.figure(figure.check, figure.name) is not None:
            yield figure


def _compared(first: StoredRun, second: StoredRun, figure: Figure) -> MeasureComparison:
    scores = [_scores(run, figure) for run in (first, second)]
    same = _asked_alike(first, second, figure.check)
    both = [item for item in scores[0] if item in scores[1]]
    one, other = ({item: each for item, each in scored.items() if same.get(item, True)} for scored in scores)
    score = _score_of_sums(first, figure, one, other)
    comparison = None
    why_not = ""
    if first.sample or second.sample:
        why_not = "what a sample gives is no score"
    elif score is None:
        why_not = "this figure can't be told from sums over items"
    else:
        comparison = compare_runs(_rows(first, figure, one), _rows(second, figure, other), score)
        if not comparison.items:
            comparison, why_not = None, "no item was scored in both"
    values = [
        {item: each.amount / each.per * scale_of(figure.unit) for item, each in scored.items() if each.per}
        for scored in (one, other)
    ]
    return MeasureComparison(
        figure.check,
        figure.name,
        figure.unit,
        first.better(figure.check, figure.name) or second.better(figure.check, figure.name),
        comparison,
        _failed(first, figure),
        _failed(second, figure),
        sum(not same.get(item, True) for item in both),
        tuple(differing_items(*values)),
        why_not,
    )


def _of(run: StoredRun, figure: Figure) -> Iterator[ScoredItem]:
    for each in run.scores:
        if (each.check, each.measure) == (figure.check, figure.name) and figure.group in ("", each.group):
            yield each


def _scores(run: StoredRun, figure: Figure) -> dict[str, Score]:
    return {each.item: each.score for each in _of(run, figure) if each.score is not None}


def _failed(run: StoredRun, figure: Figure) -> int:
    return sum(each.score is None for each in _of(run, figure))


def _asked_alike(first: StoredRun, second: StoredRun, check: str) -> dict[str, bool]:
    """Whether an item of both runs asked the same; where the recordings lie does not matter."""
    one, other = first.answers.get(check, {}), second.answers.get(check, {})
    return {item: items_digest([one[item].item]) == items_digest([other[item].item]) for item in one if item in other}


def _score_of_sums(
    run: StoredRun, figure: Figure, *scored: Mapping[str, Score]
) -> Callable[[NDArray[np.float64]], float] | None:
    """The figure as a function of sums over items; None where it is none, or its measure isn't known any more."""
    measure = run.measure(figure.check, figure.name)
    if measure is not None and measure.aggregate is not None:
        return measure.aggregate.function if isinstance(measure.aggregate, OfSums) else None
    if measure is None and any(each.counts for scores in scored for each in scores.values()):
        return None
    return ratio_of_sums(scale_of(figure.unit))


def _rows(run: StoredRun, figure: Figure, scores: Mapping[str, Score]) -> Rows:
    measure = run.measure(figure.check, figure.name)
    if measure is not None and measure.aggregate is not None:
        return {item: each.counts for item, each in scores.items()}
    return {item: (each.amount, each.per) for item, each in scores.items()}


def _drawable(run: StoredRun, figure: Figure) -> tuple[Rows, Callable[[NDArray[np.float64]], float] | None]:
    scores = _scores(run, figure)
    measure = run.measure(figure.check, figure.name)
    if measure is not None and measure.average != "mean":
        return {}, None
    return _rows(run, figure, scores), _score_of_sums(run, figure, scores)
