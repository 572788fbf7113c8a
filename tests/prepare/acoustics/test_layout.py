"""Layouts: within bounds for any sounds, and two of the same label are always two."""

import itertools
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from stepwave.prepare.acoustics.layout import (
    APART_SECONDS,
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    lay_out,
    longest_sound,
)


@given(
    st.lists(st.sampled_from(["dog", "cat", "rain"]), min_size=1, max_size=4),
    st.sampled_from([0.0, 1.5, 9.0]),
    st.integers(0, 2**32),
)
def test_any_sounds_find_their_places(labels: list[str], speech: float, seed: int) -> None:
    chooser = Random(seed)
    bound = min(5.0, longest_sound(len(labels), speech))
    assert bound > 0.8
    lengths = [chooser.uniform(0.3, bound) for _ in labels]
    if speech:
        labels, lengths = [*labels, "speech"], [*lengths, speech]
    layout = lay_out(labels, lengths, chooser)
    assert SHORTEST_SECONDS <= layout.seconds <= LONGEST_SECONDS
    places = sorted(zip(layout.starts, lengths, labels, strict=True))
    assert all(start >= 0 and start + length <= layout.seconds + 1e-3 for start, length, _ in places)
    for label in set(labels):
        own = [(start, length) for start, length, each in places if each == label]
        for (start, length), (after, _) in itertools.pairwise(own):
            assert after - start - length >= APART_SECONDS - 2e-3


def test_sounds_come_one_after_another_and_together() -> None:
    together = 0
    for seed in range(100):
        layout = lay_out(["dog", "rain"], [1.0, 4.0], Random(seed))
        dog, rain = layout.starts
        together += dog < rain + 4.0 and rain < dog + 1.0
    assert 25 <= together <= 75
