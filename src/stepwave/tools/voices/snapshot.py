"""What searches read of very many entries: who has which word, and vectors in eight bits. It is mapped into memory.

A snapshot is a folder beside the store, made from it, that can be made again at any time. Entries never change, so it
stays right for those that it covers; which of them are gone only the store knows. Rows are entries by ascending number.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from stepwave.tools.voices.contract import SpeakerVector
from stepwave.tools.voices.rows import Postings, Vectors, products, rows_of

TOLD, SAID, FACET = 1, 2, 4
"""Where an entry has a word: in what is told of it, in what it says, as one of its facets."""
COLUMNS: Final = {"told": TOLD, "said": SAID, "facets": FACET}
"""The same by column of the full-text index."""
NO_VECTOR: Final = -2.0
"""In place of the cosine of an entry without a vector."""

_FETCHED: Final = 100_000


class Snapshot:
    """The snapshot in `folder`. Raises OSError or ValueError where there is none, or a broken one."""

    def __init__(self, folder: Path) -> None:
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS}
        self.ids: NDArray[np.int64] = arrays["ids"]
        """[n], ascending."""
        self.lengths: NDArray[np.int32] = arrays["lengths"]
        """[n]: how many words each has."""
        self._terms, self._bounds, self._rows, self._places = (arrays[name] for name in _ARRAYS[2:6])
        self._vectors, self._scales = arrays["vectors"], arrays["scales"]

    def postings(self, term: str, places: int) -> Postings:
        """Which entries have a stem in one of some places."""
        key = _key(term)
        at = int(np.searchsorted(self._terms, key))
        first, last = self._bounds[at] if at < len(self._terms) and self._terms[at] == key else (0, 0)
        rows, found = self._rows[first:last].astype(np.int64), self._places[first:last] & np.uint8(places)
        there = found > 0
        return Postings(rows, found) if there.all() else Postings(rows[there], found[there])

    def cosines(self, rows: NDArray[np.int64], vector: SpeakerVector) -> NDArray[np.float32]:
        """How near the vectors of some rows are to one of length 1: to about 0.001, or `NO_VECTOR`."""
        found = np.full(len(rows), NO_VECTOR, np.float32)
        if self._vectors.shape[1] == len(vector):
            scales = self._scales[rows]
            found = np.where(scales > 0, products(self._vectors, rows, vector) * scales, found)
        return found


_ARRAYS: Final = ("ids", "lengths", "terms", "bounds", "rows", "places", "vectors", "scales")
"""A file each: `bounds` [terms, 2] says which part of `rows` and `places` belongs to which of the sorted `terms`."""


class VectorWriter:
    """Writes vectors of the entries `ids` into a snapshot's folder, some at a time."""

    def __init__(self, folder: Path, ids: NDArray[np.int64], width: int) -> None:
        self._ids = ids
        self._vectors = open_memmap(folder / "vectors.npy", "w+", np.int8, (len(ids), width))
        self._scales = open_memmap(folder / "scales.npy", "w+", np.float32, (len(ids),))

    def write(self, batch: Vectors) -> None:
        """Those of entries that are not in the snapshot are left out."""
        rows, known = rows_of(self._ids, batch.ids)
        vectors = batch.vectors[known]
        scales = np.maximum(np.abs(vectors).max(axis=1), 1e-12) / 127
        self._vectors[rows] = np.rint(vectors / scales[:, None])
        self._scales[rows] = scales

    def close(self) -> None:
        """Leave the rest to the system."""
        self._vectors.flush()
        self._scales.flush()


def write_words(folder: Path, base: sqlite3.Connection, ids: NDArray[np.int64], lengths: NDArray[np.int32]) -> None:
    """Write who has which word into a snapshot's folder, from the full-text index `words`."""
    base.execute("BEGIN")  # nobody writes between the two questions
    try:
        terms, counts = _counted(base)
        found = np.concatenate([np.zeros(0, np.int64), *_instances(base)])
    finally:
        base.rollback()
    # Both came in the order of terms, so that the counts say whose each is.
    owners = np.repeat(np.arange(len(terms), dtype=np.int32), counts)
    rows, known = rows_of(ids, found >> 3)
    owners, places = owners[known], (found[known] & 7).astype(np.uint8)
    # A word that is both told and said comes twice.
    starts = np.flatnonzero(np.diff(rows, prepend=-1) | np.diff(owners, prepend=-1))
    ends = np.searchsorted(owners[starts], np.arange(len(terms)), side="right")
    bounds = np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1)
    order = np.argsort(terms)
    arrays: dict[str, NDArray[Any]] = {
        "ids": ids, "lengths": lengths, "terms": terms[order], "bounds": bounds[order],
        "rows": rows[starts].astype(np.int32), "places": np.bitwise_or.reduceat(places, starts),
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def _counted(base: sqlite3.Connection) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """All stems in the index's order, and how often each is there."""
    base.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.terms USING fts5vocab (main, words, row)")
    found = base.execute("SELECT term, cnt FROM temp.terms ORDER BY term").fetchall()
    terms = np.fromiter((_key(term) for term, _ in found), np.uint64, len(found))
    return terms, np.fromiter((count for _, count in found), np.int64, len(found))


def _instances(base: sqlite3.Connection) -> Iterator[NDArray[np.int64]]:
    """Every word of every entry, by stem, then by entry: 8 times the entry's number, plus the place."""
    base.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.instances USING fts5vocab (main, words, instance)")
    places = " ".join(f"WHEN '{column}' THEN {place}" for column, place in COLUMNS.items())
    found = base.execute(f"SELECT 8 * doc + CASE col {places} END FROM temp.instances ORDER BY term")
    while some := found.fetchmany(_FETCHED):
        yield np.fromiter((number for (number,) in some), np.int64, len(some))


def _key(term: str) -> np.uint64:
    """A number that stands for a stem."""
    return np.uint64(int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "little"))
