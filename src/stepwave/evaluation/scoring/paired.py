"""Two runs over the same items: by how much they differ, how sure that is, and in which items.

Runs are compared over the items that both have scored. An item is a row of what was counted in it (an amount and what
it is per, or BLEU's counts), and a run's score a function of the rows' sum. The p-value is that of a two-sided test by
permutation (approximate randomisation, as in sacreBLEU): how often a difference as large comes about when each item's
two results are swapped by the toss of a coin.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stepwave.evaluation.scoring.metrics import Interval
from stepwave.evaluation.scoring.resampling import drawn_sums, percentiles

PERMUTATIONS: Final = 10_000
"""How often items are swapped: a p-value of 0.05 is then known to within 0.004."""
BOOTSTRAPS: Final = 2_000
_AT_ONCE: Final = 4_000_000

Sums = NDArray[np.float64]


@dataclass(frozen=True)
class PairedComparison:
    """What is known of the difference between two runs."""

    items: int
    """Scored in both."""
    only_first: tuple[str, ...]
    """Scored in the first run alone, and so left out."""
    only_second: tuple[str, ...]
    first: float
    """The first run's score over the items of both; NaN without any."""
    second: float
    difference: float
    """Second less first."""
    interval: Interval
    """Of the difference, by a bootstrap that draws the same items for both."""
    p_value: float
    """Of no difference, two-sided; never 0, for that many swaps cannot show it. NaN without items."""


@dataclass(frozen=True)
class ItemDifference:
    """An item that two runs score differently."""

    id: str
    first: float
    second: float

    @property
    def difference(self) -> float:
        """Second less first."""
        return self.second - self.first


def ratio_of_sums(scale: float = 1.0) -> Callable[[Sums], float]:
    """The score of rows (amount, per): their amounts by what they are per, times `scale`. NaN where that is nothing."""

    def score(sums: Sums) -> float:
        return float(sums[0] / sums[1] * scale) if sums[1] else float("nan")

    return score


def compare_runs(
    first: Mapping[str, Sequence[float]],
    second: Mapping[str, Sequence[float]],
    score: Callable[[Sums], float],
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    bootstraps: int = BOOTSTRAPS,
) -> PairedComparison:
    """Compare two runs, given as each item's row by its id.

    For a mean or an error rate the rows are (amount, per) and `score` is `ratio_of_sums()`; for BLEU they are those of
    `bleu.sentence_statistics`, and `score` is `bleu.bleu_of_sums`. Failed items are left out by the caller, who counts
    them.
    """
    common = [item for item in first if item in second]
    only_first = tuple(item for item in first if item not in second)
    only_second = tuple(item for item in second if item not in first)
    nothing = float("nan")
    if not common:
        nowhere = Interval(nothing, nothing)
        return PairedComparison(0, only_first, only_second, nothing, nothing, nothing, nowhere, nothing)
    one = np.array([first[item] for item in common], dtype=np.float64)
    other = np.array([second[item] for item in common], dtype=np.float64)
    scores = score(one.sum(0)), score(other.sum(0))
    difference = scores[1] - scores[0]
    drawn = drawn_sums(np.hstack([one, other]), seed=seed, resamplings=bootstraps)
    width = one.shape[1]
    drawn_differences = np.array([score(sums[width:]) - score(sums[:width]) for sums in drawn])
    return PairedComparison(
        len(common),
        only_first,
        only_second,
        *scores,
        difference,
        percentiles(drawn_differences),
        _p_value(one, other, score, abs(difference), seed, permutations),
    )


def _p_value(
    one: Sums, other: Sums, score: Callable[[Sums], float], observed: float, seed: int, permutations: int
) -> float:
    if np.isnan(observed):
        return float("nan")
    generator = np.random.default_rng(seed)
    change, total = other - one, one.sum(0) + other.sum(0)
    as_large, step = 0, max(1, _AT_ONCE // len(one))
    for start in range(0, permutations, step):
        swapped = generator.integers(0, 2, (min(step, permutations - start), len(one))).astype(np.float64)
        firsts = one.sum(0) + swapped @ change
        for sums in firsts:
            # Sums of floats come in another order than those observed: equal differences must count as equal.
            as_large += abs(score(total - sums) - score(sums)) >= observed * (1 - 1e-9) - 1e-12
    return (as_large + 1) / (permutations + 1)


def differing_items(
    first: Mapping[str, float], second: Mapping[str, float], *, at_least: float = 0.0
) -> list[ItemDifference]:
    """Items of both runs whose scores differ by more than `at_least`, the largest differences first, then by id."""
    found = [ItemDifference(item, first[item], second[item]) for item in first if item in second]
    return sorted(
        (each for each in found if abs(each.difference) > at_least), key=lambda each: (-abs(each.difference), each.id)
    )
