"""A store in PostgreSQL with pgvector: for libraries that several computers share. Clips stay in files.

Words go through PostgreSQL's full-text search (English stems, `ts_rank_cd`), vectors through an HNSW index. Made with
`CREATE EXTENSION vector`, which the database's owner may have to do once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from typing import Any, Final

import numpy as np

from stepwave.facts.errors import ConfigError, DataError, MissingExtraError, OutputError, short_reason
from stepwave.tools.voices.contract import NO_FILTERS, Hit, NewVoice, SpeakerVector
from stepwave.tools.voices.entries import Filters, VoiceEntry
from stepwave.tools.voices.words import VERSION, facet_words, said_words, told_words

FORMAT: Final = 1
_COLUMNS: Final = tuple(field.name for field in fields(VoiceEntry) if field.name != "id")
_ENTRY: Final = ", ".join((*_COLUMNS, "id"))
_WAIT_SECONDS: Final = 10
_TYPES: Final = {"seconds": "double precision"}
_TABLES: Final = f"""
CREATE TABLE stepwave_voices_meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE stepwave_voices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    {", ".join(f"{name} {_TYPES.get(name, 'text')} NOT NULL" for name in _COLUMNS)},
    facets text[] NOT NULL, words tsvector NOT NULL
);
CREATE UNIQUE INDEX stepwave_voices_by_name ON stepwave_voices (name);
CREATE UNIQUE INDEX stepwave_voices_by_digest ON stepwave_voices (digest);
CREATE INDEX stepwave_voices_by_words ON stepwave_voices USING gin (words);
CREATE INDEX stepwave_voices_by_facets ON stepwave_voices USING gin (facets);
INSERT INTO stepwave_voices_meta VALUES ('format', '{FORMAT}'), ('words', '{VERSION}');
"""
_VECTORS: Final = """
CREATE TABLE stepwave_voice_vectors (
    id bigint PRIMARY KEY REFERENCES stepwave_voices ON DELETE CASCADE, vector vector({width}) NOT NULL
);
CREATE INDEX stepwave_voices_by_sound ON stepwave_voice_vectors USING hnsw (vector vector_cosine_ops);
"""
_LOCK: Final = 7_305_170
"""Held while tables are made, so that two programs that begin together do not both make them."""


class PostgresStore:
    """The store in the database at `address` (`postgresql://USER:PASSWORD@HOST/NAME`); its tables are made if need be.

    A connection that is lost fails what was asked; the next question connects anew.

    Raises MissingExtraError without psycopg, DataError where the database cannot be reached or has no pgvector.
    """

    def __init__(self, address: str) -> None:
        try:
            import psycopg
        except ImportError:
            raise MissingExtraError("tools", "psycopg") from None
        self._address = address
        self._connect = psycopg.connect
        self._errors: Any = psycopg.errors
        self._lock = threading.RLock()
        self._writing_now = self._over = False
        self._open()

    def _open(self) -> None:
        try:
            self._base: Any = self._connect(self._address, autocommit=True, connect_timeout=_WAIT_SECONDS)
        except self._errors.Error as problem:
            # The address may hold a password, so that it is not repeated.
            raise DataError(
                f"the database cannot be reached ({short_reason(problem)}); check the address, postgresql://USER@HOST/NAME"
            ) from None
        try:
            with self._translated():
                self._prepare()
        except BaseException:
            self._base.close()
            raise

    def _prepare(self) -> None:
        with self._base.transaction():
            self._base.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            self._base.execute("CREATE EXTENSION IF NOT EXISTS vector")
            if self._base.execute("SELECT to_regclass('stepwave_voices')").fetchone()[0] is None:
                self._base.execute(_TABLES)
            if (found := self._meta("format")) != str(FORMAT):
                raise DataError(f"the database holds voices of format {found}; this version reads format {FORMAT}")
            if self._meta("words") != str(VERSION):
                self._index_words_anew()
        # Filters are applied while the index is walked, until enough entries have passed (pgvector 0.8).
        (version,) = self._base.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
        if tuple(int(part) for part in version.split(".")[:2]) >= (0, 8):
            self._base.execute("SET hnsw.iterative_scan = strict_order")
        self._base.execute("SET hnsw.ef_search = 100")

    def add(self, voices: Sequence[NewVoice]) -> None:
        """See `VoiceStore.add`."""
        marks = ", ".join(["%s"] * len(_COLUMNS))
        with self._writing():
            for voice in voices:
                entry = voice.entry
                row = self._base.execute(
                    f"INSERT INTO stepwave_voices ({', '.join(_COLUMNS)}, facets, words) "
                    f"VALUES ({marks}, %s, {_WORDS}) RETURNING id",
                    (*astuple(entry)[: len(_COLUMNS)], facet_words(entry), told_words(entry), said_words(entry)),
                ).fetchone()
                if voice.vector is not None:
                    self._check_width(voice.vector, claim=True)
                    self._base.execute(
                        "INSERT INTO stepwave_voice_vectors VALUES (%s, %s::vector)", (row[0], _written(voice.vector))
                    )

    def known(self, digests: Collection[str]) -> set[str]:
        """See `VoiceStore.known`."""
        return {row[0] for row in self._all("SELECT digest FROM stepwave_voices WHERE digest = ANY(%s)", list(digests))}

    def get(self, name: str) -> VoiceEntry | None:
        """See `VoiceStore.get`."""
        found = self._all(f"SELECT {_ENTRY} FROM stepwave_voices WHERE name = %s", name)
        return VoiceEntry(*found[0]) if found else None

    def fetch(self, ids: Sequence[int]) -> list[VoiceEntry]:
        """See `VoiceStore.fetch`."""
        rows = self._all(f"SELECT {_ENTRY} FROM stepwave_voices WHERE id = ANY(%s)", list(ids))
        found = {row[-1]: row for row in rows}
        return [VoiceEntry(*found[id]) for id in ids if id in found]

    def entries(self, filters: Filters = NO_FILTERS, after: int = 0, limit: int = 1000) -> list[VoiceEntry]:
        """See `VoiceStore.entries`."""
        query = f"SELECT {_ENTRY} FROM stepwave_voices WHERE id > %s AND facets @> %s ORDER BY id LIMIT %s"
        return [VoiceEntry(*row) for row in self._all(query, after, facet_words(filters), limit)]

    def count(self, filters: Filters = NO_FILTERS) -> int:
        """See `VoiceStore.count`."""
        return int(self._all("SELECT count(*) FROM stepwave_voices WHERE facets @> %s", facet_words(filters))[0][0])

    def remove(self, name: str) -> VoiceEntry | None:
        """See `VoiceStore.remove`."""
        found = self._all(f"DELETE FROM stepwave_voices WHERE name = %s RETURNING {_ENTRY}", name)
        return VoiceEntry(*found[0]) if found else None

    def find_words(self, words: Sequence[str], filters: Filters = NO_FILTERS, limit: int = 50) -> list[Hit]:
        """See `VoiceStore.find_words`."""
        hits: list[Hit] = []
        if words:
            # The query is built by the database from single quoted words; nothing in them is an operator.
            for joined, whole in (("&&", True), ("||", False)):
                query = f" {joined} ".join(["plainto_tsquery('english', %s)"] * len(words))
                # A word that English search ignores must not make the whole query empty.
                found = self._all(
                    "SELECT id, ts_rank_cd(words, query, 1) AS score "
                    f"FROM stepwave_voices, (SELECT {query}) AS q (query) "
                    "WHERE words @@ query AND facets @> %s ORDER BY score DESC, id LIMIT %s",
                    *words, facet_words(filters), limit,
                )  # fmt: skip
                there = {hit.id for hit in hits}
                hits += [Hit(id, float(score), whole) for id, score in found if id not in there]
                if len(hits) >= limit or len(words) == 1:
                    break
        return hits[:limit]

    def find_sound(self, vector: SpeakerVector, filters: Filters = NO_FILTERS, limit: int = 50) -> list[Hit]:
        """See `VoiceStore.find_sound`."""
        self._check_width(vector)
        if self._meta("width") is None:
            return []
        facets = facet_words(filters)
        where = "JOIN stepwave_voices USING (id) WHERE facets @> %s" if facets else ""
        near = self._all(
            f"SELECT id, 1 - (vector <=> %s::vector) FROM stepwave_voice_vectors {where} "
            "ORDER BY vector <=> %s::vector LIMIT %s",
            _written(vector), *([facets] if facets else []), _written(vector), limit,
        )  # fmt: skip
        return [Hit(id, float(score)) for id, score in near]

    def embedder(self) -> str | None:
        """See `VoiceStore.embedder`."""
        return self._meta("embedder")

    def claim_embedder(self, name: str) -> None:
        """See `VoiceStore.claim_embedder`."""
        self._all("INSERT INTO stepwave_voices_meta VALUES ('embedder', %s) ON CONFLICT DO NOTHING RETURNING key", name)
        if (known := self._meta("embedder")) != name:
            raise ConfigError(
                f"the voices in this database were embedded by {known}, and {name} is here; vectors of two models "
                "cannot be compared: export the library and import it into a new one"
            )

    def settle(self, progress: Callable[[float], None] = lambda share: None) -> None:
        """See `VoiceStore.settle`: the database keeps its indices itself."""
        self._all("ANALYZE stepwave_voices")

    def close(self) -> None:
        """See `VoiceStore.close`."""
        with self._lock:
            self._over = True
            self._base.close()

    def _meta(self, key: str) -> str | None:
        found = self._all("SELECT value FROM stepwave_voices_meta WHERE key = %s", key)
        return str(found[0][0]) if found else None

    def _check_width(self, vector: SpeakerVector, claim: bool = False) -> None:
        width = self._meta("width")
        if width is None and claim:
            self._base.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if self._meta("width") is None:
                self._base.execute(_VECTORS.format(width=len(vector)))
                self._base.execute("INSERT INTO stepwave_voices_meta VALUES ('width', %s)", (str(len(vector)),))
            width = self._meta("width")
        if width is not None and len(vector) != int(width):
            raise ConfigError(
                f"a speaker vector of {len(vector)} numbers came, and those of the library have {width}; use the model "
                "that it was made with"
            )

    def _index_words_anew(self) -> None:
        for row in self._base.execute(f"SELECT {_ENTRY} FROM stepwave_voices").fetchall():
            entry = VoiceEntry(*row)
            self._base.execute(
                f"UPDATE stepwave_voices SET facets = %s, words = {_WORDS} WHERE id = %s",
                (facet_words(entry), told_words(entry), said_words(entry), entry.id),
            )
        self._base.execute("UPDATE stepwave_voices_meta SET value = %s WHERE key = 'words'", (str(VERSION),))

    def _all(self, query: str, *values: Any) -> list[Any]:
        with self._lock, self._translated():
            self._open_again()
            found = self._base.execute(query, values)
            return list(found.fetchall()) if found.description else []

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock, self._translated():
            self._open_again()
            with self._base.transaction():
                self._writing_now = True
                try:
                    yield
                finally:
                    self._writing_now = False

    def _open_again(self) -> None:
        """Connect anew where the connection was lost, as when the database was started again; never half-way in
        writing, of which a part would be stored by itself."""
        if self._base.closed and not self._writing_now and not self._over:
            self._open()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._errors.UniqueViolation as problem:
            what = "clip" if "digest" in str(problem) else "name"
            raise DataError(f"a voice with the same {what} is there already; nothing was added") from None
        except (
            self._errors.InsufficientPrivilege,
            self._errors.DiskFull,
            self._errors.ReadOnlySqlTransaction,
        ) as problem:
            raise OutputError(f"the database refuses: {short_reason(problem)}; ask its owner") from None
        except self._errors.FeatureNotSupported as problem:
            raise DataError(f"{short_reason(problem)}; install pgvector on the database's server") from None
        except self._errors.Error as problem:
            raise DataError(f"the database failed: {short_reason(problem)}; try again, or ask its owner") from None


_WORDS: Final = "setweight(to_tsvector('english', %s), 'A') || setweight(to_tsvector('english', %s), 'D')"


def _written(vector: SpeakerVector) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(f"{number:.6g}" for number in np.asarray(vector, np.float32).tolist()) + "]"
