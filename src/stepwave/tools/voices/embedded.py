"""A store in one SQLite file: entries, a full-text index (FTS5, Porter's stemmer, BM25), speaker vectors.

Searches rank what `inventory` knows of all entries, which for very many is a folder beside the file (`snapshot`), and
look their finds up here.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from stepwave.facts.errors import ConfigError, DataError, OutputError
from stepwave.tools.voices.contract import NO_FILTERS, Hit, NewVoice, SpeakerVector
from stepwave.tools.voices.entries import Filters, VoiceEntry
from stepwave.tools.voices.inventory import NOTE, Inventory
from stepwave.tools.voices.nearest import near
from stepwave.tools.voices.places import FILE
from stepwave.tools.voices.ranking import WordRanking
from stepwave.tools.voices.rows import highest, unpacked
from stepwave.tools.voices.snapshot import SAID, TOLD
from stepwave.tools.voices.stems import TOKENIZER
from stepwave.tools.voices.words import VERSION, facet_words, said_words, told_words

FORMAT: Final = 1
WAIT_SECONDS: Final = 20.0
"""For another process that writes."""

_COLUMNS: Final = tuple(field.name for field in fields(VoiceEntry) if field.name != "id")
_ENTRY: Final = ", ".join(f"entries.{name}" for name in (*_COLUMNS, "id"))
_IN_TURN: Final = 500
"""Numbers that one statement asks for."""
_SPARE, _DEEPER = 4, 8
"""So many times the wanted number are looked up; and so many times as many again, where too many of them are gone."""
_TABLES: Final = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, {", ".join(f"{name} NOT NULL" for name in _COLUMNS)}, facets TEXT NOT NULL
);
CREATE UNIQUE INDEX entries_by_name ON entries (name);
CREATE UNIQUE INDEX entries_by_digest ON entries (digest);
CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (told, said, facets, content = '', tokenize = '{TOKENIZER}');
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
        self._inventory = Inventory(folder, self._base)

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
        with self._lock, self._translated():
            self._inventory.refresh()
            ids = self._inventory.ids
            postings = [self._inventory.postings(word, TOLD | SAID) for word in words]
            passing = self._inventory.having(facet_words(filters)) if filters.asked() else None
            ranking = WordRanking(postings, self._inventory.weights, passing)
            depth = _SPARE * limit
            while True:
                ranked = [Hit(int(ids[row]), score, whole) for row, score, whole in ranking.best(depth)]
                there = {row[0] for row in self._rows("SELECT id FROM entries WHERE id IN", [hit.id for hit in ranked])}
                hits = [hit for hit in ranked if hit.id in there]
                if len(hits) >= limit or len(ranked) < depth:
                    return hits[:limit]
                depth *= _DEEPER

    def find_sound(self, vector: SpeakerVector, filters: Filters = NO_FILTERS, limit: int = 50) -> list[Hit]:
        """See `VoiceStore.find_sound`."""
        self._check_width(vector)
        with self._lock, self._translated():
            self._inventory.refresh()
            depth = _SPARE * limit
            while True:
                likely = near(self._inventory, vector, facet_words(filters), depth)
                hits = self._compared(likely, vector)
                if len(hits) >= limit or len(likely) < depth:
                    return hits[:limit]
                depth *= _DEEPER

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

    def settle(self, progress: Callable[[float], None] = lambda share: None) -> None:
        """See `VoiceStore.settle`."""
        with self._lock, self._translated():
            made = self._inventory.new_snapshot(progress)
            if made is not None:
                self.set_meta(*made)
                self._inventory.sweep()

    def close(self) -> None:
        """See `VoiceStore.close`."""
        with self._lock:
            self._inventory.close()
            self._base.close()

    def meta(self, key: str) -> str | None:
        """A note of the store's own."""
        found = self._all("SELECT value FROM meta WHERE key = ?", key)
        return str(found[0][0]) if found else None

    def set_meta(self, key: str, value: str) -> None:
        """Write such a note."""
        with self._writing():
            self._base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _compared(self, ids: Sequence[int], vector: SpeakerVector) -> list[Hit]:
        """Those of the entries that are there, by their vectors as they are stored, the nearest first."""
        found = unpacked(sorted(self._rows("SELECT id, vector FROM vectors WHERE id IN", ids)))
        if not len(found.ids):
            return []
        cosines = found.vectors @ (vector / max(float(np.linalg.norm(vector)), 1e-12))
        return [Hit(int(found.ids[at]), float(cosines[at])) for at in highest(cosines, len(cosines))]

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
            self._base.execute("DELETE FROM meta WHERE key = ?", (NOTE,))
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


def _facets(facets: Sequence[str]) -> str:
    return "facets : (" + " AND ".join(f'"{facet}"' for facet in facets) + ")"


def _matching(filters: Filters) -> tuple[str, list[str]]:
    facets = facet_words(filters)
    return (" AND id IN (SELECT rowid FROM words WHERE words MATCH ?)", [_facets(facets)]) if facets else ("", [])
