"""A store in one SQLite file: entries, a full-text index (FTS5, Porter's stemmer, BM25), speaker vectors.

What a search by sound needs beside it, a graph over very many vectors, is a file that can be made again (`nearest`).
Words are compared in two passes: entries that have all of them, then, if these are too few, entries that have some.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stepwave.facts.errors import ConfigError, DataError, OutputError
from stepwave.tools.voices.contract import NO_FILTERS, Hit, NewVoice, SpeakerVector
from stepwave.tools.voices.entries import Filters, VoiceEntry
from stepwave.tools.voices.nearest import NearestVoices, Rows, unpacked
from stepwave.tools.voices.places import FILE
from stepwave.tools.voices.words import VERSION, facet_words, said_words, told_words

FORMAT: Final = 1
MOST_RANKED: Final = 2000
"""Of more entries than that have all words, only so many are ranked: with common words alone, all are alike."""
WAIT_SECONDS: Final = 20.0
"""For another process that writes."""

_COLUMNS: Final = tuple(field.name for field in fields(VoiceEntry) if field.name != "id")
_ENTRY: Final = ", ".join(f"entries.{name}" for name in (*_COLUMNS, "id"))
_IN_TURN: Final = 500
"""Numbers that one statement asks for."""
_SCORE: Final = "-bm25(words, 3.0, 1.0, 0.0)"  # what is told of a voice counts for more than what it says
_TABLES: Final = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(f"{name} NOT NULL" for name in _COLUMNS)}, facets TEXT NOT NULL
);
CREATE UNIQUE INDEX entries_by_name ON entries (name);
CREATE UNIQUE INDEX entries_by_digest ON entries (digest);
CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (told, said, facets, content = '', tokenize = 'porter unicode61');
INSERT INTO meta VALUES ('format', '{FORMAT}'), ('words', '{VERSION}');
"""


class EmbeddedStore:
    """The store of the library in `folder`, which is made unless `read_only`; then others must not change it either,
    unless they are `locked` out while it is read.

    Raises DataError for a file that is no store or of another format, OutputError where none can be made.
    """

    def __init__(self, folder: Path, *, read_only: bool = False, locked: bool = False) -> None:
        self._path = folder / FILE
        self._read_only = read_only
        self._lock = threading.RLock()
        if read_only and not self._path.is_file():
            raise DataError(f"there is no voice library in {folder}; name another folder, or add a voice to it first")
        with self._translated():
            # A library in a read-only place is not changed by others either, so no lock is taken on it.
            way = "mode=rwc" if not read_only else "mode=ro" if locked else "mode=ro&immutable=1"
            self._base = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?{way}", uri=True, check_same_thread=False, timeout=WAIT_SECONDS
            )
            try:
                self._prepare()
            except BaseException:
                self._base.close()
                raise
        self._nearest = NearestVoices(folder, self)

    def _prepare(self) -> None:
        self._base.execute("PRAGMA synchronous = FULL")
        if not self._read_only and not self._base.execute("PRAGMA schema_version").fetchone()[0]:
            self._base.executescript(f"BEGIN EXCLUSIVE; {_TABLES} COMMIT;")
        if (found := self.meta("format")) != str(FORMAT):
            raise DataError(f"{self._path} is a voice library of format {found}; this version reads format {FORMAT}")
        if self.meta("words") != str(VERSION) and not self._read_only:
            self._index_words_anew()

    def add(self, voices: Sequence[NewVoice]) -> None:
        """See `VoiceStore.add`."""
        marks = ", ".join("?" * (len(_COLUMNS) + 1))
        with self._writing():
            for voice in voices:
                entry = voice.entry
                facets = " ".join(facet_words(entry))
                added = self._base.execute(
                    f"INSERT INTO entries ({', '.join(_COLUMNS)}, facets) VALUES ({marks})",
                    (*astuple(entry)[: len(_COLUMNS)], facets),
                )
                row = (added.lastrowid, told_words(entry), said_words(entry), facets)
                self._base.execute("INSERT INTO words (rowid, told, said, facets) VALUES (?, ?, ?, ?)", row)
                if voice.vector is not None:
                    packed = self._packed(voice.vector)
                    self._base.execute("INSERT INTO vectors VALUES (?, ?)", (added.lastrowid, packed))

    def known(self, digests: Collection[str]) -> set[str]:
        """See `VoiceStore.known`."""
        return {row[0] for row in self._rows("SELECT digest FROM entries WHERE digest IN", list(digests))}

    def get(self, name: str) -> VoiceEntry | None:
        """See `VoiceStore.get`."""
        found = self._all(f"SELECT {_ENTRY} FROM entries WHERE name = ?", name)
        return VoiceEntry(*found[0]) if found else None

    def fetch(self, ids: Sequence[int]) -> list[VoiceEntry]:
        """See `VoiceStore.fetch`."""
        found = {row[-1]: row for row in self._rows(f"SELECT {_ENTRY} FROM entries WHERE id IN", ids)}
        return [VoiceEntry(*found[id]) for id in ids if id in found]

    def entries(self, filters: Filters = NO_FILTERS, after: int = 0, limit: int = 1000) -> list[VoiceEntry]:
        """See `VoiceStore.entries`."""
        where, values = _matching(filters)
        query = f"SELECT {_ENTRY} FROM entries WHERE id > ?{where} ORDER BY id LIMIT ?"
        return [VoiceEntry(*row) for row in self._all(query, after, *values, limit)]

    def count(self, filters: Filters = NO_FILTERS) -> int:
        """See `VoiceStore.count`."""
        where, values = _matching(filters)
        return int(self._all(f"SELECT count(*) FROM entries WHERE true{where}", *values)[0][0])

    def remove(self, name: str) -> VoiceEntry | None:
        """See `VoiceStore.remove`."""
        with self._writing():
            entry = self.get(name)
            if entry is not None:
                row = (entry.id, told_words(entry), said_words(entry), " ".join(facet_words(entry)))
                self._base.execute(
                    "INSERT INTO words (words, rowid, told, said, facets) VALUES ('delete', ?, ?, ?, ?)", row
                )
                self._base.execute("DELETE FROM vectors WHERE id = ?", (entry.id,))
                self._base.execute("DELETE FROM entries WHERE id = ?", (entry.id,))
        return entry

    def find_words(self, words: Sequence[str], filters: Filters = NO_FILTERS, limit: int = 50) -> list[Hit]:
        """See `VoiceStore.find_words`."""
        if not words:
            return []
        query = f"SELECT rowid, {_SCORE} FROM words WHERE words MATCH ?"
        all_of = self._all(f"{query} LIMIT {MOST_RANKED}", _expression(words, "AND", filters))
        hits = [Hit(id, score) for id, score in sorted(all_of, key=lambda row: (-row[1], row[0]))[:limit]]
        if len(hits) == limit or len(words) == 1:
            return hits
        # BM25 is a sum over words, so each is asked for by itself; of a frequent one, which says little, some will do.
        some_of: dict[int, float] = {}
        for word in words:
            for id, score in self._all(f"{query} LIMIT {MOST_RANKED}", _expression([word], "OR", filters)):
                some_of[id] = some_of.get(id, 0.0) + score
        there = {hit.id for hit in hits}
        ranked = sorted(some_of.items(), key=lambda row: (-row[1], row[0]))
        return [*hits, *(Hit(id, score, False) for id, score in ranked if id not in there)][:limit]

    def find_sound(self, vector: SpeakerVector, filters: Filters = NO_FILTERS, limit: int = 50) -> list[Hit]:
        """See `VoiceStore.find_sound`."""
        self._check_width(vector)
        with self._lock:
            return [Hit(id, score) for id, score in self._nearest.find(vector, facet_words(filters), limit)]

    def embedder(self) -> str | None:
        """See `VoiceStore.embedder`."""
        return self.meta("embedder")

    def claim_embedder(self, name: str) -> None:
        """See `VoiceStore.claim_embedder`."""
        with self._lock:
            known = self.meta("embedder")
            if known is None:
                self.set_meta("embedder", name)
            elif known != name:
                raise ConfigError(
                    f"the voices in {self._path.parent} were embedded by {known}, and {name} is here; vectors of two "
                    "models cannot be compared: export the library and import it into a new one"
                )

    def settle(self) -> None:
        """See `VoiceStore.settle`."""
        with self._lock:
            self._nearest.settle()

    def close(self) -> None:
        """See `VoiceStore.close`."""
        with self._lock:
            self._nearest.close()
            self._base.close()

    # What `nearest` reads and notes.

    def meta(self, key: str) -> str | None:
        """A note of the store's own."""
        found = self._all("SELECT value FROM meta WHERE key = ?", key)
        return str(found[0][0]) if found else None

    def set_meta(self, key: str, value: str) -> None:
        """Write such a note."""
        with self._writing():
            self._base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def state(self) -> tuple[int, int]:
        """Two numbers that change when anybody changes the store."""
        return (int(self._all("PRAGMA data_version")[0][0]), self._base.total_changes)

    def vectors(self, after: int = 0, facets: Sequence[str] = ()) -> Rows:
        """Numbers and vectors, by ascending number, of entries above `after` that have all `facets`."""
        if facets:
            query = "SELECT vectors.id, vector FROM words JOIN vectors ON vectors.id = words.rowid WHERE words MATCH ?"
            return unpacked(self._all(f"{query} AND words.rowid > ? ORDER BY words.rowid", _facets(facets), after))
        return unpacked(self._all("SELECT id, vector FROM vectors WHERE id > ? ORDER BY id", after))

    def ids(self, facets: Sequence[str]) -> NDArray[np.int64]:
        """Numbers of entries that have all facets, ascending; of all for none."""
        if facets:
            found = self._all("SELECT rowid FROM words WHERE words MATCH ?", _facets(facets))
        else:
            found = self._all("SELECT id FROM vectors")
        return np.fromiter((id for (id,) in found), np.int64, len(found))

    def passing(self, ids: Sequence[int], facets: Sequence[str]) -> Rows:
        """Numbers and vectors of those of the entries that are there and have all facets."""
        wanted = set(facets)
        query = "SELECT vectors.id, facets, vector FROM vectors JOIN entries USING (id) WHERE vectors.id IN"
        rows = self._rows(query, list(dict.fromkeys(ids)))
        return unpacked([(id, vector) for id, held, vector in rows if wanted <= set(held.split())])

    def _packed(self, vector: SpeakerVector) -> bytes:
        self._check_width(vector, claim=True)
        return vector.astype("<f2").tobytes()

    def _check_width(self, vector: SpeakerVector, claim: bool = False) -> None:
        width = self.meta("width")
        if width is None and claim:
            self._base.execute("INSERT INTO meta VALUES ('width', ?)", (str(len(vector)),))
        elif width is not None and len(vector) != int(width):
            raise ConfigError(
                f"a speaker vector of {len(vector)} numbers came, and those of the library have {width}; use the model "
                "that it was made with"
            )

    def _index_words_anew(self) -> None:
        with self._writing():
            self._base.execute("INSERT INTO words (words) VALUES ('delete-all')")
            for row in self._base.execute(f"SELECT {_ENTRY} FROM entries").fetchall():
                entry = VoiceEntry(*row)
                facets = " ".join(facet_words(entry))
                self._base.execute("UPDATE entries SET facets = ? WHERE id = ?", (facets, entry.id))
                self._base.execute(
                    "INSERT INTO words (rowid, told, said, facets) VALUES (?, ?, ?, ?)",
                    (entry.id, told_words(entry), said_words(entry), facets),
                )
            self.set_meta("words", str(VERSION))

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._lock, self._translated():
            return self._base.execute(query, values).fetchall()

    def _rows(self, query: str, values: Sequence[Any]) -> Iterator[Any]:
        """Rows of a query that ends in IN, for any number of values."""
        for start in range(0, len(values), _IN_TURN):
            some = values[start : start + _IN_TURN]
            yield from self._all(f"{query} ({', '.join('?' * len(some))})", *some)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All of the block is stored, or nothing; inside another such block it is a part of that one."""
        with self._lock, self._translated():
            if self._read_only:
                raise OutputError(f"the voice library in {self._path.parent} is read-only; name another with --library")
            if self._base.in_transaction:
                yield
                return
            with self._base:
                self._base.execute("BEGIN IMMEDIATE")
                yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as problem:
            what = "clip" if "digest" in str(problem) else "name"
            raise DataError(f"a voice with the same {what} is there already; nothing was added ({problem})") from None
        except sqlite3.OperationalError as problem:
            raise OutputError(
                f"the voice library {self._path} cannot be used ({problem}); check the folder, its permissions and the "
                "disk, and whether another program is writing to it"
            ) from None
        except sqlite3.DatabaseError as problem:
            raise DataError(f"{self._path} is damaged or no voice library ({problem}); restore a copy of it") from None


def _expression(words: Sequence[str], joined: str, filters: Filters) -> str:
    """An FTS5 query; words are quoted, so that nothing in them is an operator."""
    wanted = f" {joined} ".join(f'"{word}"' for word in words)
    facets = facet_words(filters)
    return f"{{told said}} : ({wanted})" + (f" AND {_facets(facets)}" if facets else "")


def _facets(facets: Sequence[str]) -> str:
    return "facets : (" + " AND ".join(f'"{facet}"' for facet in facets) + ")"


def _matching(filters: Filters) -> tuple[str, list[str]]:
    facets = facet_words(filters)
    return (" AND id IN (SELECT rowid FROM words WHERE words MATCH ?)", [_facets(facets)]) if facets else ("", [])
