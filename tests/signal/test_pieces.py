"""Pieces of 25 s: their lengths, that they join again, and that nothing is copied."""

import numpy as np
import pytest

from stepwave.signal.pieces import cut


@pytest.mark.parametrize(
    ("samples", "lengths"),
    [
        (0, []),
        (1, [1]),
        (399_999, [399_999]),
        (400_000, [400_000]),
        (400_001, [400_000, 1]),
        (960_000, [400_000, 400_000, 160_000]),
    ],
)
def test_only_the_last_piece_is_shorter(samples: int, lengths: list[int]) -> None:
    whole = np.arange(samples, dtype=np.float32)
    pieces = cut(whole)
    assert [len(piece) for piece in pieces] == lengths
    assert all(np.shares_memory(piece, whole) for piece in pieces)
    assert np.array_equal(np.concatenate([whole[:0], *pieces]), whole)


def test_channels_are_a_slip() -> None:
    with pytest.raises(ValueError, match="one dimension"):
        cut(np.zeros((2, 5), dtype=np.float32))
