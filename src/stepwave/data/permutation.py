"""A seeded order of the numbers below `size`, computed where it is asked for instead of stored.

A balanced Feistel network permutes the smallest range of 4^k numbers that holds `size`; what falls outside is sent
through it again until it falls inside (cycle walking; Black and Rogaway, "Ciphers with arbitrary finite domains",
2002). Shuffling a billion records thus takes no memory, and their order goes on at any place. This is no cipher: the
rounds mix well enough for training, not for secrets.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

ROUNDS: Final = 6
"""Rounds of the network; four are the least that make a random-looking permutation (Luby and Rackoff, 1988)."""

_WORD: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15
_FIRST: Final = 0xBF58476D1CE4E5B9
_SECOND: Final = 0x94D049BB133111EB


def permuted(index: int, size: int, seed: int) -> int:
    """Where `index` of `range(size)` goes: a permutation of that range for every seed (any integer)."""
    return int(permuted_many(np.array([index]), size, seed)[0])


def permuted_many(indexes: NDArray[np.int64], size: int, seed: int) -> NDArray[np.int64]:
    """The same for many at once, int64 `[n]` -> `[n]`: about 0.2 microseconds each for some hundreds.

    Raises ValueError for an index outside `range(size)`.
    """
    if len(indexes) and not (indexes.min() >= 0 and indexes.max() < size):
        raise ValueError(f"indexes from {indexes.min()} to {indexes.max()} came; wanted some of 0..{size - 1}")
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    keys = _keys(seed)
    values = _network(indexes.astype(np.uint64), half, keys)
    outside = np.flatnonzero(values >= size)
    while len(outside):
        values[outside] = _network(values[outside], half, keys)
        outside = outside[values[outside] >= size]
    return values.astype(np.int64)


def _network(values: NDArray[np.uint64], half: int, keys: list[int]) -> NDArray[np.uint64]:
    shift, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = values >> shift, values & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ np.uint64(key)) & mask)
    return (left << shift) | right


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser (Steele et al., 2014), which spreads every bit over all others."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(_FIRST)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(_SECOND)
    return values ^ (values >> np.uint64(31))


def _keys(seed: int) -> list[int]:
    """A key for each round: SplitMix64's stream from `seed`."""
    states = np.array([(seed + (turn + 1) * _STEP) & _WORD for turn in range(ROUNDS)], dtype=np.uint64)
    return [int(key) for key in _mixed(states)]
