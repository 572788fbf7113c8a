"""Utterances from stretches of speech: bounds hold for anything, cuts lie where it is quiet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.facts.errors import ConfigError
from stepwave.prepare.recorded.cutting import UtteranceBounds, cut
from stepwave.signal.voice_activity import Stretch

RATE = 16_000


def seconds(pieces: list[Stretch]) -> list[tuple[float, float]]:
    return [(round(piece.start / RATE, 3), round(piece.end / RATE, 3)) for piece in pieces]


def stretches(*times: tuple[float, float]) -> list[Stretch]:
    return [Stretch(round(start * RATE), round(end * RATE)) for start, end in times]


def test_short_pauses_join_long_ones_part_and_padding_stays_inside_pauses() -> None:
    bounds = UtteranceBounds(shortest=0.5, longest=10.0, pause=0.5, padding=0.2)
    found = cut(np.zeros(10 * RATE, np.float32), stretches((0.1, 2.0), (2.4, 3.0), (3.6, 5.0), (9.0, 10.0)), bounds)
    assert seconds(found) == [(0.0, 3.2), (3.4, 5.2), (8.8, 10.0)]
    bounds = UtteranceBounds(shortest=0.5, longest=10.0, pause=0.1, padding=0.4)
    found = cut(np.zeros(4 * RATE, np.float32), stretches((0.5, 1.5), (1.9, 3.0)), bounds)
    assert seconds(found) == [(0.1, 1.7), (1.7, 3.4)]


def test_what_is_too_long_is_parted_at_its_longest_pause() -> None:
    bounds = UtteranceBounds(shortest=1.0, longest=10.0, pause=0.5, padding=0.0)
    times = [(0.0, 5.8), (6.0, 7.0), (7.4, 8.5), (8.7, 14.0)]
    assert seconds(cut(np.zeros(14 * RATE, np.float32), stretches(*times), bounds)) == [(0.0, 7.0), (7.4, 14.0)]


def test_speech_without_pauses_is_parted_where_it_is_quietest() -> None:
    samples = np.full(12 * RATE, 0.2, np.float32)
    samples[::2] *= -1
    samples[round(6.9 * RATE) : round(7.1 * RATE)] *= 0.1
    samples[2 * RATE : 3 * RATE] = 0.0  # quieter still, but so early that the rest would be too long
    bounds = UtteranceBounds(shortest=1.0, longest=10.0, pause=0.5, padding=0.0)
    (first, second) = cut(samples, [Stretch(0, 12 * RATE)], bounds)
    assert 6.9 <= first.end / RATE <= 7.1
    assert (first.start, first.end, second.end) == (0, second.start, 12 * RATE)


@given(
    st.lists(st.tuples(st.integers(0, 40_000), st.integers(1, 200_000)), max_size=12),
    st.floats(0.0, 2.0), st.floats(0.0, 0.5), st.floats(0.0, 1.0), st.floats(5.1, 8.0), st.integers(0, 20_000),
)  # fmt: skip
def test_utterances_are_bounded_ordered_and_lose_no_speech(
    drawn: list[tuple[int, int]], shortest: float, padding: float, pause: float, longest: float, rest: int
) -> None:
    speech, here = [], 0
    for gap, length in drawn:
        speech.append(Stretch(here + gap, here + gap + length))
        here += gap + length + 1
    samples = np.zeros(here + rest, np.float32)
    found = cut(samples, speech, UtteranceBounds(shortest, longest, pause, padding))
    assert all(piece.end - piece.start <= round(longest * RATE) + 2 for piece in found)
    edges = [0, *(edge for piece in found for edge in piece), len(samples)]
    assert edges == sorted(edges)
    inside = np.zeros(len(samples), bool)
    for piece in found:
        inside[piece.start : piece.end] = True
    assert all(inside[stretch.start : stretch.end].all() for stretch in speech)


def test_bounds_without_room_are_refused() -> None:
    with pytest.raises(ConfigError, match="no room to cut"):
        UtteranceBounds(shortest=3.0, longest=5.0)
    with pytest.raises(ConfigError, match="0 or more"):
        UtteranceBounds(pause=-1.0)
