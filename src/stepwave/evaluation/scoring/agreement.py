"""How far two judges agree on the same items: the share of equal verdicts, and Cohen's kappa."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stepwave.evaluation.scoring.metrics import RESAMPLINGS, Interval
from stepwave.evaluation.scoring.resampling import drawn_sums, percentiles


@dataclass(frozen=True)
class Agreement:
    """Agreement of two judges."""

    items: int
    percent: float
    """Items with the same verdict."""
    percent_interval: Interval
    kappa: float
    """Cohen's kappa: 0 is what chance brings, 1 is perfect. NaN where both always give one and the same verdict."""
    kappa_interval: Interval


def agreement(
    first: Sequence[float],
    second: Sequence[float],
    *,
    weights: Literal["none", "quadratic"] = "none",
    seed: int = 0,
    resamplings: int = RESAMPLINGS,
) -> Agreement:
    """Agreement over items that both judges scored, in the same order, with intervals by the bootstrap over items.

    With quadratic weights kappa forgives small differences, as befits points from 1 to 5. Raises ValueError where the
    two differ in number.
    """
    if len(first) != len(second):
        raise ValueError(
            f"{len(first)} verdicts do not fit {len(second)} of the second judge; give those of common items"
        )
    if not first:
        nothing, nowhere = float("nan"), Interval(float("nan"), float("nan"))
        return Agreement(0, nothing, nowhere, nothing, nowhere)
    verdicts = sorted({*first, *second})
    places = np.array([verdicts.index(verdict) for verdict in (*first, *second)]).reshape(2, -1)
    cells = np.zeros((len(first), len(verdicts) ** 2))
    cells[np.arange(len(first)), places[0] * len(verdicts) + places[1]] = 1
    values = np.array(verdicts)
    apart = values[:, None] - values[None, :]
    penalty = apart**2 if weights == "quadratic" else (apart != 0).astype(float)
    # The counts of all pairs of verdicts are all that either figure needs.
    sums = np.vstack([cells.sum(0), drawn_sums(cells, seed=seed, resamplings=resamplings)])
    tables = sums.reshape(-1, len(verdicts), len(verdicts)) / len(first)
    percents, kappas = 100 * tables.trace(axis1=1, axis2=2), _kappas(tables, penalty)
    return Agreement(
        len(first), float(percents[0]), percentiles(percents[1:]), float(kappas[0]), percentiles(kappas[1:])
    )


def _kappas(tables: NDArray[np.float64], penalty: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kappa of each table of shares `[tables, verdicts, verdicts]`."""
    observed = (tables * penalty).sum((1, 2))
    by_chance = (tables.sum(2)[:, :, None] * tables.sum(1)[:, None, :] * penalty).sum((1, 2))
    kappas = np.full(len(tables), np.nan)
    np.divide(by_chance - observed, by_chance, out=kappas, where=by_chance > 0)
    return kappas
