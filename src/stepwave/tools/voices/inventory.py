"""All entries of an embedded store as rows of arrays: first those that a snapshot covers, then those that came later.

The later ones are looked up in the store, so that nothing is missed; without a snapshot, all are. Once they are many, a
new snapshot of all entries is made.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stepwave.signal.atomic import new_folder
from stepwave.tools.voices.contract import SpeakerVector
from stepwave.tools.voices.graph import add_to_graph, graph_to_grow, opened_graph, save_graph
from stepwave.tools.voices.ranking import word_weights
from stepwave.tools.voices.rows import Postings, Vectors, joined_postings, products, rows_of, unpacked
from stepwave.tools.voices.snapshot import COLUMNS, FACET, NO_VECTOR, Snapshot, VectorWriter, write_words
from stepwave.tools.voices.stems import Stems

LEAST_FOR_SNAPSHOT: Final = 10_000
"""Entries that are searched within some milliseconds without one."""
NOTE: Final = "snapshot"
"""The store's note of the snapshot's folder, and of the number up to which it covers entries."""
_FOLDERS: Final = "voices-*.index"
_TOGETHER: Final = 10_000
"""Vectors that are read at once."""
_WORDS_SHARE: Final = 0.1
"""Of the time that a snapshot takes."""


class Inventory:
    """Rows of the store whose tables are in `base`, with snapshots in `folder`. One thread at a time may be in here."""

    def __init__(self, folder: Path, base: sqlite3.Connection) -> None:
        self._folder, self._base = folder, base
        self._stems = Stems()
        self._state: tuple[int, int] | None = None
        self._name, self._last = "", 0
        self._snapshot: Snapshot | None = None
        self._late_vectors: Vectors | None = None
        self.graph: Any = None
        """usearch's, of entries' numbers; None where there is none."""
        self.ids: NDArray[np.int64] = np.zeros(0, np.int64)
        """[n], ascending. Entries of the snapshot may be gone."""
        self.weights: NDArray[np.float32] = np.zeros((4, 0), np.float32)
        """[4, n]: what a word counts that an entry has nowhere, in TOLD, in SAID, or in both; see `ranking`."""

    @property
    def covered(self) -> int:
        """How many rows the snapshot has."""
        return 0 if self._snapshot is None else len(self._snapshot.ids)

    def refresh(self) -> None:
        """Take in what anybody changed in the store."""
        state = (int(self._base.execute("PRAGMA data_version").fetchone()[0]), self._base.total_changes)
        if state == self._state:
            return
        self._open_snapshot()
        ids, lengths = self._sizes(self._last)
        if self._snapshot is not None:
            ids = np.concatenate([self._snapshot.ids, ids])
            lengths = np.concatenate([self._snapshot.lengths, lengths])
        self.ids, self.weights = ids, word_weights(lengths)
        self._late_vectors, self._state = None, state

    def postings(self, word: str, places: int) -> Postings:
        """Which rows have a word in one of some places, a sum of TOLD, SAID and FACET."""
        found = self._late_postings(word, places)
        terms = self._stems.of(word)
        # The tokenizer takes some strange words apart; they are found among late entries alone.
        if self._snapshot is not None and len(terms) == 1:
            found = joined_postings(self._snapshot.postings(terms[0], places), found)
        return found

    def having(self, facets: Sequence[str]) -> NDArray[np.bool_]:
        """bool [n]: which rows have all facets."""
        had = np.zeros(len(self.ids), np.uint8)
        for facet in facets:
            had[self.postings(facet, FACET).rows] += 1
        return np.asarray(had == len(facets))

    def cosines(self, rows: NDArray[np.int64], vector: SpeakerVector) -> NDArray[np.float32]:
        """How near the vectors of some rows, ascending, are to one of length 1: to about 0.001, or `NO_VECTOR`."""
        late = int(np.searchsorted(rows, self.covered))
        found = np.full(len(rows), NO_VECTOR, np.float32)
        if self._snapshot is not None:
            found[:late] = self._snapshot.cosines(rows[:late], vector)
        if late < len(rows):
            if self._late_vectors is None:
                self._late_vectors = unpacked(self._packed(self._last))
            at, known = rows_of(self._late_vectors.ids, self.ids[rows[late:]])
            found[late:][known] = products(self._late_vectors.vectors, at, vector)
        return found

    def new_snapshot(self, progress: Callable[[float], None]) -> tuple[str, str] | None:
        """Make a snapshot of all entries; None while few are not covered. Raises OutputError.

        Args:
            progress: is told which share is done.

        Returns the key and the text of the note that puts it to use.
        """
        self.refresh()
        if len(self.ids) - self.covered < LEAST_FOR_SNAPSHOT:
            return None
        name = _FOLDERS.replace("*", secrets.token_hex(8))
        ids, lengths = self._sizes(0)
        with new_folder(self._folder / name) as made:
            progress(0.0)
            write_words(made, self._base, ids, lengths)
            self._write_vectors(made, ids, progress)
            for file in made.iterdir():
                with file.open("rb+") as written:
                    os.fsync(written.fileno())
        return NOTE, f"{name} {ids[-1]}"

    def close(self) -> None:
        """Let go of files."""
        self._snapshot, self.graph, self._late_vectors, self._state, self._name = None, None, None, None, ""
        self._stems.close()

    def sweep(self) -> None:
        """Remove all snapshots but the one in use."""
        self.refresh()
        for old in self._folder.glob(_FOLDERS):
            if old.name != self._name:
                shutil.rmtree(old, ignore_errors=True)  # another process may hold it open

    def _open_snapshot(self) -> None:
        name, _, last = (self._meta(NOTE) or "").partition(" ")
        if name == self._name:
            return
        self._name, self._last, self._snapshot, self.graph = name, 0, None, None
        folder = self._folder / Path(name).name
        with contextlib.suppress(OSError, ValueError):  # a lost or broken one is done without
            self._snapshot = Snapshot(folder)
            self._last = int(last)
            self.graph = opened_graph(folder)

    def _write_vectors(self, made: Path, ids: NDArray[np.int64], progress: Callable[[float], None]) -> None:
        width = int(self._meta("width") or 0)
        writer = VectorWriter(made, ids, width)
        graph, grown = None, 0
        if width:
            graph = graph_to_grow(self._folder / self._name, width, int(np.searchsorted(ids, self._last, "right")))
            grown = self._last if graph is not None and len(graph) else 0
        after = 0
        while len((batch := unpacked(self._packed(after, _TOGETHER))).ids):
            writer.write(batch)
            if graph is not None:
                new = batch.ids > grown
                add_to_graph(graph, Vectors(batch.ids[new], batch.vectors[new]))
            after = int(batch.ids[-1])
            progress(_WORDS_SHARE + (1 - _WORDS_SHARE) * min(1.0, after / int(ids[-1])))
        writer.close()
        if graph is not None:
            save_graph(graph, made)

    def _late_postings(self, word: str, places: int) -> Postings:
        found = Postings(np.zeros(0, np.int64), np.zeros(0, np.uint8))
        if len(self.ids) > self.covered:
            late = np.zeros(len(self.ids) - self.covered, np.uint8)
            for column, place in COLUMNS.items():
                if place & places:
                    at, _ = rows_of(self.ids[self.covered :], self._matching(f'{column} : "{word}"'))
                    late[at] |= place
            rows = np.flatnonzero(late)
            found = Postings(rows + self.covered, late[rows])
        return found

    def _matching(self, expression: str) -> NDArray[np.int64]:
        query = "SELECT rowid FROM words WHERE words MATCH ? AND rowid > ?"
        return np.array(self._base.execute(query, (expression, self._last)).fetchall(), np.int64).reshape(-1)

    def _sizes(self, after: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Numbers of entries above `after`, and how many words each has, as the full-text index notes it."""
        found = self._base.execute("SELECT id, sz FROM words_docsize WHERE id > ? ORDER BY id", (after,)).fetchall()
        ids = np.fromiter((id for id, _ in found), np.int64, len(found))
        return ids, np.fromiter((_summed(sizes) for _, sizes in found), np.int32, len(found))

    def _packed(self, after: int, most: int = -1) -> list[tuple[int, bytes]]:
        query = "SELECT id, vector FROM vectors WHERE id > ? ORDER BY id LIMIT ?"
        return self._base.execute(query, (after, most)).fetchall()

    def _meta(self, key: str) -> str | None:
        found = self._base.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])


def _summed(sizes: bytes) -> int:
    """The sum of SQLite's variable-length numbers, seven bits a byte, for numbers below 2**56."""
    total = number = 0
    for byte in sizes:
        number = number << 7 | byte & 127
        if byte < 128:
            total, number = total + number, 0
    return total
