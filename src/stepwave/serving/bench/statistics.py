"""The few statistics that a server's figures need: percentiles with their number, and a slope with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

NORMAL_95: Final = 1.959964
"""Standard errors on either side of a 95 % interval."""
LEAST_POINTS: Final = 10
"""Fewer tell no slope."""
_EXACT: Final = 1e-12
"""Residuals of no more than this share are those of rounding."""


@dataclass(frozen=True)
class Spread:
    """Percentiles of `count` values, in proportion between neighbours: of few values, p99 lies close to the largest."""

    count: int
    p50: float
    p95: float
    p99: float
    most: float


def spread(values: Sequence[float]) -> Spread | None:
    """None for no values."""
    if not values:
        return None
    p50, p95, p99 = (float(one) for one in np.percentile(values, (50, 95, 99)))
    return Spread(len(values), p50, p95, p99, float(max(values)))


@dataclass(frozen=True)
class Slope:
    """How fast something grows, per unit of time, with its 95 % interval."""

    value: float
    low: float
    high: float


def least(times: Sequence[float], values: Sequence[float], width: float) -> tuple[list[float], list[float]]:
    """The least value of each stretch of `width`, and when it was; times ascend."""
    lowest: dict[int, tuple[float, float]] = {}
    for time, value in zip(times, values, strict=True):
        stretch = int((time - times[0]) // width)
        if stretch not in lowest or value < lowest[stretch][1]:
            lowest[stretch] = time, value
    return [time for time, _ in lowest.values()], [value for _, value in lowest.values()]


def slope(times: Sequence[float], values: Sequence[float]) -> Slope | None:
    """Least squares over what comes after the first tenth of the time; None for fewer than `LEAST_POINTS`.

    Values follow each other closely, so that many say little more than few: the interval counts only
    n (1 - r) / (1 + r) of n, r being the correlation of neighbouring residuals where it is above 0 (Santer and others,
    Journal of Geophysical Research 105, 2000, section 3).
    """
    x, y = np.asarray(times, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if len(x):
        late = x >= x[0] + 0.1 * (x[-1] - x[0])
        x, y = x[late], y[late]
    if len(x) < LEAST_POINTS:
        return None
    x, y = x - x.mean(), y - y.mean()
    square = float(x @ x)
    rise = float(x @ y) / square
    residuals = y - rise * x
    left = float(residuals @ residuals)
    if left <= _EXACT * float(y @ y):
        return Slope(rise, rise, rise)
    related = max(0.0, float(residuals[1:] @ residuals[:-1]) / left)
    independent = max(3.0, len(x) * (1 - related) / (1 + related))
    half = NORMAL_95 * math.sqrt(left / (independent - 2) / square)
    return Slope(rise, rise - half, rise + half)
