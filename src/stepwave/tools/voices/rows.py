"""Rows of entries: finding them by number, who has a word, and whose vectors are whose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_AT_ONCE: Final = 1024
"""Vectors that are compared together: few enough for the processor's cache, five times as quick as 16,000."""


class Postings(NamedTuple):
    """Which entries have a word."""

    rows: NDArray[np.int64]
    """[k], ascending."""
    places: NDArray[np.uint8]
    """[k]: where each has it, as bits."""


class Vectors(NamedTuple):
    """Vectors and whose they are."""

    ids: NDArray[np.int64]
    """[k], ascending."""
    vectors: NDArray[np.float32]
    """[k, d]."""


def rows_of(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows of those of the wanted [k] that are among `ids` [n], which ascend; and bool [k], which these are."""
    rows = np.searchsorted(ids, wanted)
    known = rows < len(ids)
    known[known] = ids[rows[known]] == wanted[known]
    return rows[known], known


def joined_postings(first: Postings, then: Postings) -> Postings:
    """Both, the rows of `then` coming later."""
    if not len(then.rows):
        return first
    return Postings(np.concatenate([first.rows, then.rows]), np.concatenate([first.places, then.places]))


def unpacked(packed: Sequence[tuple[int, bytes]]) -> Vectors:
    """Stored half-precision vectors as an array."""
    ids = np.fromiter((id for id, _ in packed), np.int64, len(packed))
    halves = np.frombuffer(b"".join(vector for _, vector in packed), "<f2")
    return Vectors(ids, halves.reshape(len(packed), -1).astype(np.float32) if packed else np.zeros((0, 0), np.float32))


def products(vectors: NDArray[Any], rows: NDArray[np.int64], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The products [k] of some rows [k] of vectors [n, d], of any number type, with one vector [d]."""
    found = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        found[start : start + _AT_ONCE] = vectors[some].astype(np.float32, copy=False) @ vector
    return found


def highest(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Places of the `count` highest scores, the highest first; of equal ones the first."""
    if count < 1 or not len(scores):
        return np.zeros(0, np.int64)
    if count >= len(scores):
        return np.argsort(-scores, kind="stable")
    bar = np.partition(scores, len(scores) - count)[len(scores) - count]
    above = np.flatnonzero(scores > bar)
    above = above[np.argsort(-scores[above], kind="stable")]
    # Thousands may be equal; sorting these would take longer than all the rest.
    return np.concatenate([above, np.flatnonzero(scores == bar)[: count - len(above)]])
