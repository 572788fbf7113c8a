"""Percentiles and slopes of numbers whose answers are known."""

import numpy as np
import pytest

from stepwave.serving.bench.statistics import Slope, Spread, least, slope, spread


def test_percentiles() -> None:
    assert spread([float(one) for one in range(101)]) == Spread(101, 50.0, 95.0, 99.0, 100.0)
    assert spread([2.0]) == Spread(1, 2.0, 2.0, 2.0, 2.0)
    assert spread([]) is None


def test_a_straight_line_has_its_slope_without_doubt() -> None:
    times = np.arange(100) / 100
    found = slope(times.tolist(), (5 + 3 * times).tolist())
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((3, 3, 3))
    assert slope(times.tolist(), [7.0] * 100) == Slope(0.0, 0.0, 0.0)


def test_the_first_tenth_does_not_count() -> None:
    times = np.arange(101) / 100
    values = np.where(times < 0.1, 1000.0, 2 * times)
    found = slope(times.tolist(), values.tolist())
    assert found is not None
    assert found.value == pytest.approx(2)


def test_the_least_of_each_stretch_is_taken_when_it_was() -> None:
    assert least([5.0, 5.4, 6.1, 6.9, 9.0], [3.0, 2.0, 7.0, 8.0, 1.0], 1.0) == ([5.4, 6.1, 9.0], [2.0, 7.0, 1.0])
    assert least([], [], 1.0) == ([], [])


def test_few_points_tell_nothing() -> None:
    assert slope([], []) is None
    assert slope(list(range(10)), list(range(10))) is None


def test_the_interval_is_least_squares_own_for_independent_noise() -> None:
    random = np.random.default_rng(0)
    times = np.linspace(0, 1, 2000)
    held = 0
    for _ in range(100):
        found = slope(times.tolist(), (4 * times + random.standard_normal(2000)).tolist())
        assert found is not None
        held += found.low <= 4 <= found.high
        # The standard error of a slope over a stretch of 0.9 of n points: sigma * sqrt(12 / n) / 0.9.
        assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(12 / 1800) / 0.9, rel=0.15)
    assert held >= 88


def test_the_interval_is_wider_where_values_wander() -> None:
    random = np.random.default_rng(0)
    times = np.linspace(0, 1, 2000)
    held = 0
    for _ in range(100):
        noise = np.zeros(2000)
        for index, step in enumerate(random.standard_normal(2000)):
            noise[index] = 0.9 * noise[index - 1] + step
        found = slope(times.tolist(), noise.tolist())
        assert found is not None
        held += found.low <= 0 <= found.high
    # Taken as independent they would hold in about a third.
    assert held >= 85
