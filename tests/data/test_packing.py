"""Packing: sequences are full, nothing is lost, cut or kept waiting for ever, and a state goes on exactly."""

import json
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stepwave.data.mix import Drawn, Mix, MixPortion
from stepwave.data.packing import PATIENCE, Pack, Packer
from stepwave.facts.errors import ConfigError, DataError


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


class InOrder(Mix):
    """A mix that draws records of the given lengths one after the other."""

    def __init__(self, lengths: list[int]) -> None:
        super().__init__([MixPortion("asr", 1, [Listed(lengths)])], 0)
        self.coming = iter(Drawn(0, 0, record, length, 0) for record, length in enumerate(lengths))

    def draw(self) -> Drawn:
        return next(self.coming)


def packer(lengths: list[int], sequence_length: int = 100, waiting: int = 4, documents: int | None = None) -> Packer:
    mix = Mix([MixPortion("asr", 1, [Listed(lengths)])], 0, longest=sequence_length)
    return Packer(mix, sequence_length, waiting, documents)


def packs(of: Packer, count: int) -> list[Pack]:
    return [of.next_pack() for _ in range(count)]


LENGTHS = st.lists(st.integers(1, 100), min_size=1, max_size=20)


@settings(max_examples=30)
@given(lengths=LENGTHS, waiting=st.integers(1, 8), count=st.integers(1, 25))
def test_no_pack_is_too_long_and_nothing_is_lost(lengths: list[int], waiting: int, count: int) -> None:
    packing = packer(lengths, waiting=waiting)
    done = packs(packing, count)
    assert all(0 < pack.length <= 100 for pack in done)
    given_out = Counter(document for pack in done for document in pack.documents)
    held = Counter(tuple(document) for _, opened in packing.state()["open"] for document in opened)
    whole = packer(lengths).mix
    drawn = Counter(whole.draw() for _ in range(given_out.total() + held.total()))
    assert given_out + held == drawn
    assert len(packing.state()["open"]) <= waiting


def test_sequences_are_nearly_full() -> None:
    lengths = np.random.default_rng(0).gamma(2.0, 150.0, 2000).astype(int).clip(20, 4096).tolist()
    done = packs(packer(lengths, 4096, waiting=32), 200)
    assert sum(pack.length for pack in done) / (200 * 4096) > 0.99


def test_a_record_goes_where_it_leaves_the_least_room() -> None:
    packing = Packer(InOrder([60, 70, 50, 30, 41, 51, 55]), 100, waiting=3)
    # 30 fills the pack of 70, 41 goes to neither 60 nor 70 but to 50; 51 opens a third pack, 55 fits nowhere.
    assert [[each.length for each in pack.documents] for pack in packs(packing, 2)] == [[70, 30], [50, 41]]


def test_one_document_each_gives_the_order_of_the_mix() -> None:
    unpacked = packs(packer([10, 20, 30], documents=1), 9)
    whole = packer([10, 20, 30]).mix
    assert [pack.documents for pack in unpacked] == [(whole.draw(),) for _ in range(9)]


def test_no_more_documents_than_allowed() -> None:
    assert {len(pack.documents) for pack in packs(packer([1, 2, 3], documents=3), 20)} == {3}


def test_no_pack_waits_for_ever() -> None:
    # Nothing fits on top of either, and the fuller ones would always be finished first.
    packing = packer([60] * 10 + [90] * 90, waiting=4)
    order: dict[tuple[int, ...], int] = {}
    for number in range(400):
        for document in packing.next_pack().documents:
            if document.length == 60:
                order[document.epoch, document.record] = number
    assert len(order) > 30
    assert all(packing.finished - since <= (PATIENCE + 2) * 4 for since, _ in packing.state()["open"])


@settings(max_examples=30)
@given(lengths=LENGTHS, before=st.integers(0, 20), after=st.integers(1, 20))
def test_a_restored_packer_goes_on_as_if_never_stopped(lengths: list[int], before: int, after: int) -> None:
    whole = packs(packer(lengths), before + after)
    stopped = packer(lengths)
    packs(stopped, before)
    resumed = packer(lengths)
    resumed.restore(json.loads(json.dumps(stopped.state())))
    assert packs(resumed, after) == whole[before:]


def test_a_record_longer_than_a_sequence_is_named() -> None:
    mix = Mix([MixPortion("asr", 1, [Listed([101], first=8)])], 0)
    with pytest.raises(DataError, match="record 8 of source 0 in portion 0 has 101 positions, a sequence has 100"):
        Packer(mix, 100).next_pack()


def test_the_state_of_other_packs_is_refused() -> None:
    with pytest.raises(ConfigError, match="'sequence_length': 100"):
        packer([1], sequence_length=50).restore(packer([1]).state())


@pytest.mark.parametrize(("length", "waiting", "documents"), [(0, 1, None), (1, 0, None), (1, 1, 0)])
def test_numbers_below_one_are_refused(length: int, waiting: int, documents: int | None) -> None:
    with pytest.raises(ConfigError, match="numbers from 1 on"):
        Packer(Mix([MixPortion("asr", 1, [Listed([1])])], 0), length, waiting, documents)
