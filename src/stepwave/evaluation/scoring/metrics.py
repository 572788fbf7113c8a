"""Scores: error rates over many texts, perceptual quality, and intervals by the bootstrap.

Functions of texts, samples and numbers only; which answer is compared with what is `measures`' business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stepwave.evaluation.packages import package
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples
from stepwave.text.word_errors import WordErrors

RESAMPLINGS: Final = 2_000
"""How often the bootstrap draws; its own error of a 95 % bound is then well under the interval's width."""
CONFIDENCE: Final = 0.95
"""Share of the bootstrap's draws inside an interval."""


@dataclass(frozen=True)
class Interval:
    """Where an average lies with `CONFIDENCE`."""

    low: float
    high: float


def error_rate(counted: Sequence[WordErrors]) -> float:
    """Errors of all texts by the words of all references, in percent; long texts weigh more. NaN without words."""
    return ratio(*_sums(counted)) * 100


def error_rate_interval(counted: Sequence[WordErrors], seed: int = 0) -> Interval:
    """Bootstrap over texts of `error_rate`, in percent."""
    return ratio_interval(*_sums(counted), seed=seed, scale=100)


def _sums(counted: Sequence[WordErrors]) -> tuple[list[float], list[float]]:
    return [float(each.errors) for each in counted], [float(each.words) for each in counted]


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """Sum over sum; NaN where the denominators sum to nothing."""
    total = sum(denominators)
    return sum(numerators) / total if total else float("nan")


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float], *, seed: int = 0, scale: float = 1.0
) -> Interval:
    """Percentile bootstrap of `ratio` times `scale`: pairs are drawn with replacement, the same for the same seed.

    A mean is the ratio with denominators of 1. For a difference of two rates over the same texts, pass the differences
    of their errors. NaN for no pairs.
    """
    if not numerators:
        return Interval(float("nan"), float("nan"))
    above, below = np.asarray(numerators), np.asarray(denominators)
    places = draws(len(above), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        return percentiles(scale * above[places].sum(1) / below[places].sum(1))


def median_interval(values: Sequence[float], seed: int = 0) -> Interval:
    """Percentile bootstrap of the median; NaN for no values."""
    if not values:
        return Interval(float("nan"), float("nan"))
    array = np.asarray(values)
    return percentiles(np.median(array[draws(len(array), seed)], axis=1))


def draws(count: int, seed: int) -> NDArray[np.int64]:
    """Places `[RESAMPLINGS, count]` of `count` items, each row drawn with replacement; the same for the same seed."""
    return np.random.default_rng(seed).integers(0, count, (RESAMPLINGS, count))


def percentiles(values: NDArray[np.float64]) -> Interval:
    """Where the middle `CONFIDENCE` of the values lies, NaN left out."""
    edge = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(values, [edge, 100 - edge]) if np.isfinite(values).any() else (np.nan, np.nan)
    return Interval(float(low), float(high))


def wideband_pesq(reference: Samples, degraded: Samples) -> float:
    """PESQ with the wide-band extension (ITU-T P.862.2) of sounds `[n]` at 16 kHz: 1.0 bad, about 4.64 identical.

    The longer one is cut to the other's length. Raises ValueError where either holds no speech, and MissingExtraError.
    """
    library = package("pesq")
    length = min(len(reference), len(degraded))
    if not reference[:length].any() or not degraded[:length].any():
        raise ValueError("PESQ finds nothing to compare: one of the sounds is silent")
    try:
        return float(library.pesq(INPUT_SAMPLE_RATE, reference[:length], degraded[:length], "wb"))
    except library.PesqError as error:
        raise ValueError(f"PESQ finds nothing to compare: {error}") from error
