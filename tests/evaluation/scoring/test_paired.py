import math

import numpy as np
import pytest
import scipy.stats
from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest

from stepwave.evaluation.scoring.bleu import bleu_of_sums, corpus_bleu, sentence_statistics
from stepwave.evaluation.scoring.paired import ItemDifference, compare_runs, differing_items, ratio_of_sums

WORDS = ["the", "cat", "dog", "sat", "ran", "on", "under", "a", "red", "old", "mat", "tree", "and", "then", "slept"]


def rows(values: np.ndarray) -> dict[str, tuple[float, float]]:
    return {str(number): (float(value), 1.0) for number, value in enumerate(values)}


@pytest.mark.parametrize("shift", [0.0, 0.15, 0.4])
def test_p_values_are_scipys(shift: float) -> None:
    generator = np.random.default_rng(7)
    one = generator.normal(0, 1, 60)
    other = one + generator.normal(shift, 0.5, 60)
    found = compare_runs(rows(one), rows(other), ratio_of_sums())
    wanted = scipy.stats.permutation_test(
        (other, one),
        lambda x, y: np.mean(x) - np.mean(y),
        permutation_type="samples",
        n_resamples=9_999,
        rng=0,
    )
    assert found.difference == pytest.approx(float(np.mean(other - one)))
    assert found.p_value == pytest.approx(wanted.pvalue, abs=0.02)
    spread = scipy.stats.bootstrap((other - one,), np.mean, method="percentile", rng=0).confidence_interval
    assert found.interval.low == pytest.approx(spread.low, abs=0.02)
    assert found.interval.high == pytest.approx(spread.high, abs=0.02)


def test_error_rates_are_compared_as_sums_over_sums() -> None:
    first = {"a": (1.0, 10.0), "b": (0.0, 2.0), "c": (9.0, 9.0)}
    second = {"b": (1.0, 2.0), "a": (2.0, 10.0), "d": (0.0, 1.0)}
    found = compare_runs(first, second, ratio_of_sums(100))
    assert (found.items, found.only_first, found.only_second) == (2, ("c",), ("d",))
    assert (found.first, found.second) == pytest.approx((100 / 12, 300 / 12))
    assert found.difference == pytest.approx(200 / 12)
    # Of the four ways to swap two items two give a difference as large.
    assert found.p_value == pytest.approx(0.5, abs=0.02)


def test_equal_runs_do_not_differ() -> None:
    same = rows(np.arange(10.0))
    found = compare_runs(same, same, ratio_of_sums())
    assert (found.difference, found.p_value) == (0, 1)
    assert (found.interval.low, found.interval.high) == (0, 0)


def test_a_difference_in_every_item_is_as_sure_as_swaps_can_show() -> None:
    found = compare_runs(rows(np.zeros(40)), rows(np.ones(40)), ratio_of_sums())
    assert found.p_value == pytest.approx(1 / 10_001)


def test_runs_without_common_items() -> None:
    found = compare_runs({"a": (1.0, 1.0)}, {"b": (1.0, 1.0)}, ratio_of_sums())
    assert found.items == 0
    assert math.isnan(found.difference)
    assert math.isnan(found.p_value)
    nothing = compare_runs({"a": (1.0, 0.0)}, {"a": (1.0, 0.0)}, ratio_of_sums())
    assert math.isnan(nothing.p_value)


def spoilt(sentence: list[str], share: float, generator: np.random.Generator) -> str:
    return " ".join(str(generator.choice(WORDS)) if generator.random() < share else word for word in sentence)


def test_bleu_is_compared_as_sacrebleu_does() -> None:
    generator = np.random.default_rng(11)
    texts = [[str(word) for word in generator.choice(WORDS, 12)] for _ in range(60)]
    references = [" ".join(text) for text in texts]
    first, second = ([spoilt(text, share, generator) for text in texts] for share in (0.30, 0.26))
    counted = (
        {str(number): row for number, row in enumerate(sentence_statistics(run, references, "en"))}
        for run in (first, second)
    )
    found = compare_runs(*counted, bleu_of_sums, permutations=2_000, bootstraps=1_000)
    test = PairedTest(
        [("first", first), ("second", second)], {"BLEU": BLEU()}, [references], test_type="ar", n_samples=2_000
    )
    wanted = test()[1]["BLEU"][1]
    assert found.second == pytest.approx(wanted.score)
    assert found.first == pytest.approx(corpus_bleu(first, references, "en").score)
    assert found.p_value == pytest.approx(wanted.p_value, abs=0.05)
    assert found.interval.low < found.difference < found.interval.high


def test_items_that_differ_come_largest_first() -> None:
    first = {"a": 1.0, "b": 0.5, "c": 0.0, "only": 1.0, "d": 0.5}
    second = {"a": 1.0, "b": 0.0, "c": 1.0, "d": 1.0}
    found = differing_items(first, second)
    assert found == [ItemDifference("c", 0.0, 1.0), ItemDifference("b", 0.5, 0.0), ItemDifference("d", 0.5, 1.0)]
    assert [each.difference for each in found] == [1.0, -0.5, 0.5]
    assert differing_items(first, second, at_least=0.5) == found[:1]
