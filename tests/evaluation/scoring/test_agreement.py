import math

import pytest

from stepwave.evaluation.scoring.agreement import agreement


def test_cohens_kappa_of_known_tables() -> None:
    # 20 both yes, 5 and 10 one yes, 15 both no: 70 % agree, 50 % by chance.
    first = [1.0] * 25 + [0.0] * 25
    second = [1.0] * 20 + [0.0] * 5 + [1.0] * 10 + [0.0] * 15
    found = agreement(first, second)
    assert found.items == 50
    assert found.percent == pytest.approx(70)
    assert found.kappa == pytest.approx(0.4)
    assert found.percent_interval.low < 70 < found.percent_interval.high
    assert found.kappa_interval.low < 0.4 < found.kappa_interval.high
    assert 55 < found.percent_interval.low < 60  # 70 less 1.96 times its standard error is 57.3.


def test_quadratic_weights_forgive_small_differences() -> None:
    first, near, far = [1.0, 2, 3, 4, 5], [2.0, 2, 3, 4, 4], [5.0, 2, 3, 4, 1]
    weighted = [agreement(first, other, weights="quadratic").kappa for other in (near, far)]
    plain = [agreement(first, other).kappa for other in (near, far)]
    assert plain[0] == pytest.approx(0.5)  # 0.6 observed, 0.2 by chance
    # Penalties: 2 of 5 items by one point against (2 variances and the squared difference of the means) by chance.
    assert weighted[0] == pytest.approx(1 - (2 / 5) / (2 + 0.8 + 0))
    assert weighted[1] < 0 < weighted[0]


def test_extremes() -> None:
    assert agreement([1.0, 0, 1], [1.0, 0, 1]).kappa == 1
    same = agreement([1.0, 1], [1.0, 1])
    assert same.percent == 100
    assert math.isnan(same.kappa)
    assert math.isnan(agreement([], []).percent)
    with pytest.raises(ValueError, match="2 verdicts do not fit 1"):
        agreement([1.0, 0], [1.0])
