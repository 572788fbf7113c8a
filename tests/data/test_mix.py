"""Mixes: shares of tokens, passes through sources, and going on from a state."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stepwave.data.mix import BLOCK, Drawn, Mix, MixPortion
from stepwave.facts.errors import ConfigError


@dataclass
class Listed:
    """An index with the given lengths; records are numbered from `first`."""

    of: list[int]
    first: int = 0
    places: NDArray[np.int64] = field(init=False)
    lengths: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        self.places = np.arange(self.first, self.first + len(self.of))
        self.lengths = np.array(self.of, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.of)


def drawn(mix: Mix, count: int) -> list[Drawn]:
    return [mix.draw() for _ in range(count)]


LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=30)


@settings(max_examples=30)
@given(
    portions=st.lists(st.tuples(st.floats(0.1, 1e12), st.lists(LENGTHS, min_size=1, max_size=3)), min_size=1),
    count=st.integers(1, 300),
    seed=st.integers(),
)
def test_shares_hold_to_within_the_longest_record(
    portions: list[tuple[float, list[list[int]]]], count: int, seed: int
) -> None:
    mix = Mix([MixPortion("any", weight, [Listed(one) for one in of]) for weight, of in portions], seed)
    tokens = Counter[int]()
    for document in drawn(mix, count):
        tokens[document.portion] += document.length
    behind = min(tokens[number] / weight for number, (weight, _) in enumerate(portions))
    for number, (weight, of) in enumerate(portions):
        longest = max(max(one) for one in of)
        assert tokens[number] / weight - behind <= longest / weight * (1 + 1e-9)


def test_shares_approach_the_weights() -> None:
    asr, tts, text = Listed([30, 200, 90]), Listed([400] * 5), Listed([7, 8, 9])
    mix = Mix([MixPortion("asr", 100, [asr]), MixPortion("tts", 80, [tts]), MixPortion("text", 20, [text])], 0)
    drawn(mix, 5000)
    total = sum(mix.tokens.values())
    assert mix.tokens["asr"] / total == pytest.approx(0.5, abs=1e-3)
    assert mix.tokens["tts"] / total == pytest.approx(0.4, abs=1e-3)
    assert mix.tokens["text"] / total == pytest.approx(0.1, abs=1e-3)


def test_sources_of_a_portion_are_passed_at_the_same_pace() -> None:
    mix = Mix([MixPortion("asr", 1, [Listed([10] * 30), Listed([10] * 90)])], 0)
    assert Counter(document.source for document in drawn(mix, 120)) == {0: 30, 1: 90}
    assert mix.epochs == {"asr": 1.0}


def test_every_epoch_passes_all_records_in_a_new_order() -> None:
    size = BLOCK + 100
    mix = Mix([MixPortion("asr", 1, [Listed([5] * size, first=1000)])], 7)
    epochs = [drawn(mix, size) for _ in range(3)]
    for number, epoch in enumerate(epochs):
        assert {document.epoch for document in epoch} == {number}
        assert sorted(document.record for document in epoch) == list(range(1000, 1000 + size))
    orders = {tuple(document.record for document in epoch) for epoch in epochs}
    assert len(orders) == 3


def test_two_sources_of_one_size_have_orders_of_their_own() -> None:
    mix = Mix([MixPortion("asr", 1, [Listed([5] * 50), Listed([5] * 50)])], 0)
    both = drawn(mix, 100)
    first, second = ([each.record for each in both if each.source == source] for source in (0, 1))
    assert first != second


@settings(max_examples=30)
@given(before=st.integers(0, 80), after=st.integers(1, 80), seed=st.integers(0, 9))
def test_a_restored_mix_goes_on_as_if_never_stopped(before: int, after: int, seed: int) -> None:
    def fresh() -> Mix:
        return Mix(
            [MixPortion("asr", 3, [Listed([3, 9, 4, 8]), Listed([5, 900])]), MixPortion("tts", 2, [Listed([7] * 11)])],
            seed,
            longest=100,
        )

    whole = drawn(fresh(), before + after)
    stopped = fresh()
    assert drawn(stopped, before) == whole[:before]
    resumed = fresh()
    resumed.restore(json.loads(json.dumps(stopped.state())))
    assert drawn(resumed, after) == whole[before:]
    again = fresh()
    drawn(again, before + after)
    assert resumed.tokens == again.tokens


def test_records_that_are_too_long_are_passed_over_and_counted() -> None:
    mix = Mix([MixPortion("asr", 1, [Listed([5, 50, 6, 51], first=10)]), MixPortion("tts", 1, [Listed([4])])], 0, 49)
    assert {document.length for document in drawn(mix, 50)} == {4, 5, 6}
    assert mix.left_out == {"asr": 2}
    assert [(each.record, each.length) for each in mix.first_left_out] == [(11, 50), (13, 51)]


def test_a_portion_of_weight_zero_is_left_out() -> None:
    mix = Mix([MixPortion("none", 0, []), MixPortion("tts", 1, [Listed([4])])], 0)
    assert {document.portion for document in drawn(mix, 5)} == {1}


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0]])
def test_weights_that_make_no_mix_are_refused(weights: list[float]) -> None:
    with pytest.raises(ConfigError, match="weights of a mix"):
        Mix([MixPortion("asr", weight, [Listed([1])]) for weight in weights], 0)


@pytest.mark.parametrize("indexes", [[], [Listed([])]])
def test_an_empty_portion_is_refused_by_name(indexes: list[Listed]) -> None:
    with pytest.raises(ConfigError, match="portion tts of the mix has nothing to draw: no records"):
        Mix([MixPortion("asr", 1, [Listed([1])]), MixPortion("tts", 1, indexes)], 0)


def test_a_portion_of_long_records_only_is_refused() -> None:
    with pytest.raises(ConfigError, match="its 2 records are all longer than 8 positions"):
        Mix([MixPortion("tts", 1, [Listed([9, 10])])], 0, longest=8)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"seed": 2}, "seed was 1, now it is 2"),
        ({"weight": 5.0}, "was asr of weight 3 with 2 records of 7 positions, now it is asr of weight 5"),
        ({"lengths": [3, 4, 5]}, "now it is asr of weight 3 with 3 records of 12 positions"),
        ({"more": [MixPortion("tts", 1, [Listed([2])])]}, "it had 1 portions, now there are 2"),
    ],
)
def test_the_state_of_another_mix_is_refused(changed: dict[str, Any], told: str) -> None:
    def fresh(
        seed: int = 1, weight: float = 3.0, lengths: tuple[int, ...] = (3, 4), more: list[MixPortion] | None = None
    ) -> Mix:
        return Mix([MixPortion("asr", weight, [Listed(list(lengths))]), *(more or [])], seed)

    with pytest.raises(ConfigError, match=told):
        fresh(**changed).restore(fresh().state())
