"""Figures of many scores at once: of sums over all items (BLEU, precision), or of whatever else all of them tell.

Intervals are percentile bootstraps over items: of a figure of sums, the sums of each draw come from one product of
matrices; any other figure is computed anew for each draw, so it has to be quick.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Counted(Protocol):
    """A score with what it adds to sums."""

    @property
    def counts(self) -> tuple[float, ...]:
        """The item's numbers, as many for every item of a measure."""
        ...


class Aggregate(Protocol):
    """How scores become one number. NaN for one that isn't there, such as a precision without any positives."""

    def value(self, scores: Sequence[Counted]) -> float:
        """The figure of all of them."""
        ...

    def resampled(self, scores: Sequence[Counted], draws: NDArray[np.int64]) -> NDArray[np.float64]:
        """The figure of each draw: `draws [r, n]` are places in `scores`, the result is `[r]`."""
        ...


@dataclass(frozen=True)
class OfSums:
    """A figure of the sums of all items' `Score.counts`: `function` gets them as an array `[k]`."""

    function: Callable[[NDArray[np.float64]], float]

    def value(self, scores: Sequence[Counted]) -> float:
        """See `Aggregate.value`."""
        return float(self.function(self._counts(scores).sum(0))) if scores else float("nan")

    def resampled(self, scores: Sequence[Counted], draws: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Aggregate.resampled`."""
        counts = self._counts(scores)
        rows = np.arange(len(draws))[:, None]
        times = np.zeros((len(draws), len(counts)))
        np.add.at(times, (rows, draws), 1.0)
        return np.array([self.function(sums) for sums in times @ counts], dtype=np.float64)

    @staticmethod
    def _counts(scores: Sequence[Counted]) -> NDArray[np.float64]:
        lengths = {len(score.counts) for score in scores}
        assert len(lengths) <= 1, f"scores of one measure have {sorted(lengths)} counts"
        return np.array([score.counts for score in scores], dtype=np.float64)


@dataclass(frozen=True)
class OfAll:
    """A figure of all scores, for what no sums tell: `function` is called once for each draw, two thousand times."""

    function: Callable[[Sequence[Counted]], float]

    def value(self, scores: Sequence[Counted]) -> float:
        """See `Aggregate.value`."""
        return float(self.function(scores)) if scores else float("nan")

    def resampled(self, scores: Sequence[Counted], draws: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `Aggregate.resampled`."""
        return np.array([self.function([scores[place] for place in draw]) for draw in draws], dtype=np.float64)
