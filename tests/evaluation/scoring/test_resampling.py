import math

import numpy as np
import pytest
import scipy.stats

from stepwave.evaluation.scoring.metrics import ratio_interval
from stepwave.evaluation.scoring.resampling import corpus_interval, drawn_sums, stratified_mean, sum_interval

VALUES = np.random.default_rng(5).gamma(2.0, 1.0, 80)


def test_intervals_are_scipys() -> None:
    wanted = scipy.stats.bootstrap(
        (VALUES,), np.mean, method="percentile", n_resamples=9_999, rng=0
    ).confidence_interval
    by_items = corpus_interval(len(VALUES), lambda drawn: float(VALUES[drawn].mean()), resamplings=9_999)
    by_sums = sum_interval(VALUES[:, None], lambda sums: float(sums[0]) / len(VALUES), resamplings=9_999)
    width = wanted.high - wanted.low
    for found in (by_items, by_sums, ratio_interval(list(VALUES), [1.0] * len(VALUES))):
        assert found.low == pytest.approx(wanted.low, abs=0.04 * width)
        assert found.high == pytest.approx(wanted.high, abs=0.04 * width)


def test_any_function_of_the_items_drawn() -> None:
    wanted = scipy.stats.bootstrap((VALUES,), np.median, method="percentile", n_resamples=9_999, rng=0)
    found = corpus_interval(len(VALUES), lambda drawn: float(np.median(VALUES[drawn])), resamplings=9_999)
    assert found.low == pytest.approx(wanted.confidence_interval.low, abs=0.03)
    assert found.high == pytest.approx(wanted.confidence_interval.high, abs=0.03)


def test_many_items_are_drawn_in_parts() -> None:
    rows = np.ones((50_000, 1))
    assert drawn_sums(rows, resamplings=100).tolist() == [[5e4]] * 100


def test_a_stratified_mean_weighs_tasks_alike() -> None:
    found = stratified_mean({"small": [1.0, 1, 0, 0], "large": [1.0] * 100, "empty": []})
    assert found.value == pytest.approx(0.75)
    assert found.means == {"small": 0.5, "large": 1.0}
    # The large task never varies: the spread is half that of the small one.
    assert found.interval.low == pytest.approx(0.5, abs=0.13)
    assert found.interval.high == pytest.approx(1.0, abs=0.13)


def test_the_spread_of_a_stratified_mean_is_that_of_its_parts() -> None:
    generator = np.random.default_rng(3)
    tasks = {str(number): generator.normal(number, 1.0, 50).tolist() for number in range(11)}
    found = stratified_mean(tasks)
    error = math.sqrt(sum(np.var(items) / len(items) for items in tasks.values())) / len(tasks)
    assert found.interval.high - found.interval.low == pytest.approx(2 * 1.96 * error, rel=0.08)


def test_nothing_gives_no_number() -> None:
    assert math.isnan(stratified_mean({}).value)
    assert math.isnan(corpus_interval(0, lambda drawn: 0.0).low)
    assert math.isnan(sum_interval(np.zeros((0, 2)), lambda sums: 0.0).high)


def test_a_seed_repeats() -> None:
    one, again, other = (stratified_mean({"a": VALUES.tolist()}, seed=seed).interval for seed in (1, 1, 2))
    assert one == again != other
