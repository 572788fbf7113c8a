"""The computed order of a source: every place once, another one for every seed, evenly spread."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.data.permutation import permuted, permuted_many

SEEDS = st.integers(-(2**70), 2**70)


@given(size=st.integers(1, 3000), seed=SEEDS)
def test_every_index_goes_to_a_place_of_its_own(size: int, seed: int) -> None:
    assert sorted(permuted_many(np.arange(size), size, seed).tolist()) == list(range(size))


@given(size=st.integers(1, 2**62), seed=SEEDS, data=st.data())
def test_large_ranges_are_permuted_without_being_listed(size: int, seed: int, data: st.DataObject) -> None:
    indexes = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20, unique=True))
    places = permuted_many(np.array(indexes), size, seed).tolist()
    assert len(set(places)) == len(indexes)
    assert all(0 <= place < size for place in places)
    assert places == [permuted(index, size, seed) for index in indexes]


def test_another_seed_gives_another_order() -> None:
    orders = {tuple(permuted_many(np.arange(50), 50, seed).tolist()) for seed in range(200)}
    assert len(orders) == 200


def test_every_index_may_go_everywhere() -> None:
    size, seeds = 7, 1400
    counts = np.zeros((size, size))
    for seed in range(seeds):
        counts[np.arange(size), permuted_many(np.arange(size), size, seed)] += 1
    # 200 are expected in each cell, with a standard deviation of 13.
    assert np.abs(counts - seeds / size).max() < 70


def test_neighbours_do_not_stay_together() -> None:
    places = permuted_many(np.arange(10_000), 10_000, 3)
    steps = np.abs(np.diff(places))
    # Two independent places lie a third of the range apart on average.
    assert 3_000 < steps.mean() < 3_700
    assert np.unique(np.diff(places)).size > 5_000


@pytest.mark.parametrize("index", [-1, 10])
def test_an_index_outside_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match=r"wanted some of 0\.\.9"):
        permuted(index, 10, 0)
