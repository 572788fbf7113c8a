"""Batches follow from seed and step alone, fit their budget, and go through everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.data.batches import LengthBatches
from stepwave.facts.errors import ConfigError


@given(st.lists(st.integers(1, 300), min_size=1, max_size=200), st.integers(50, 2_000), st.integers(0, 5))
def test_an_epoch_holds_every_item_once_within_the_budget(lengths: list[int], budget: int, seed: int) -> None:
    batches = LengthBatches(lengths, budget, seed, most=16, neighbourhood=40)
    seen: list[int] = []
    step = 0
    while len(seen) < len(lengths):
        batch = batches(step)
        assert len(batch) <= 16
        assert len(batch) == 1 or max(lengths[index] for index in batch) * len(batch) <= budget
        seen += batch
        step += 1
    assert sorted(seen) == list(range(len(lengths)))


def test_a_batch_depends_on_seed_and_step_only() -> None:
    lengths = [7 * number % 50 + 1 for number in range(300)]
    straight = LengthBatches(lengths, 200, seed=1)
    forward = [straight(step) for step in range(150)]
    resumed = LengthBatches(lengths, 200, seed=1)
    assert [resumed(step) for step in (149, 3, 70)] == [forward[149], forward[3], forward[70]]
    other = LengthBatches(lengths, 200, seed=2)
    assert [other(step) for step in range(150)] != forward


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(ConfigError, match="0 items"):
        LengthBatches([], 100)
