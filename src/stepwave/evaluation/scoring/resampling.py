"""Intervals by the bootstrap for scores that belong to a whole corpus, and for means over tasks.

`metrics` has those of a mean, a ratio and a median. Here the score is any function: of which items were drawn
(`corpus_interval`), or of sums of what was counted in each item (`sum_interval`), which is far quicker. Items are drawn
with replacement, the same for the same seed; intervals are percentiles.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stepwave.evaluation.scoring.metrics import CONFIDENCE, RESAMPLINGS, Interval

_AT_ONCE: Final = 4_000_000
"""Draws held in memory at a time."""


@dataclass(frozen=True)
class StratifiedMean:
    """A mean over tasks that count alike, however many items each has."""

    value: float
    """Mean of the tasks' means; NaN without tasks."""
    interval: Interval
    """Items are drawn within their task."""
    means: Mapping[str, float]
    """Each task's own mean."""


def corpus_interval(
    count: int, score: Callable[[NDArray[np.int64]], float], *, seed: int = 0, resamplings: int = RESAMPLINGS
) -> Interval:
    """Interval of `score`, which is given the numbers `[count]` of the items drawn, from 0. NaN for no items."""
    if count == 0:
        return _nothing()
    generator = np.random.default_rng(seed)
    return percentiles(np.array([score(generator.integers(0, count, count)) for _ in range(resamplings)]))


def sum_interval(
    rows: NDArray[np.float64],
    score: Callable[[NDArray[np.float64]], float],
    *,
    seed: int = 0,
    resamplings: int = RESAMPLINGS,
) -> Interval:
    """Interval of `score`, which is given the sums `[k]` of the drawn rows of `rows` `[items, k]`. NaN for no items."""
    if len(rows) == 0:
        return _nothing()
    return percentiles(np.array([score(sums) for sums in drawn_sums(rows, seed=seed, resamplings=resamplings)]))


def drawn_sums(rows: NDArray[np.float64], *, seed: int = 0, resamplings: int = RESAMPLINGS) -> NDArray[np.float64]:
    """Sums `[resamplings, k]` over rows `[items, k]` drawn with replacement, as many as there are."""
    generator = np.random.default_rng(seed)
    sums = np.empty((resamplings, rows.shape[1]))
    step = max(1, _AT_ONCE // len(rows))
    for start in range(0, resamplings, step):
        part = sums[start : start + step]
        part[:] = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), len(part)) @ rows
    return sums


def stratified_mean(
    values: Mapping[str, Sequence[float]], *, seed: int = 0, resamplings: int = RESAMPLINGS
) -> StratifiedMean:
    """Mean over tasks of each task's mean over its items. A task without items is left out: the caller counts those."""
    tasks = {name: np.asarray(items, dtype=np.float64) for name, items in values.items() if len(items)}
    if not tasks:
        return StratifiedMean(float("nan"), _nothing(), {})
    # Each task has a seed of its own: the same draws for tasks of the same size would tie them together.
    seeds = np.random.SeedSequence(seed).generate_state(len(tasks))
    drawn = [
        drawn_sums(items[:, None], seed=int(own), resamplings=resamplings)[:, 0] / len(items)
        for items, own in zip(tasks.values(), seeds, strict=True)
    ]
    means = {name: float(items.mean()) for name, items in tasks.items()}
    return StratifiedMean(float(np.mean(list(means.values()))), percentiles(np.mean(drawn, axis=0)), means)


def percentiles(values: NDArray[np.float64]) -> Interval:
    """What `CONFIDENCE` of the values lie between; those that are not numbers are left out."""
    if not np.isfinite(values).any():
        return _nothing()
    edge = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(values, [edge, 100 - edge])
    return Interval(float(low), float(high))


def _nothing() -> Interval:
    return Interval(float("nan"), float("nan"))
