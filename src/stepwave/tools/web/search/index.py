"""The offline index: one SQLite file with the passages of a folder's documents, searched by its full-text engine FTS5.

FTS5 ranks by BM25 as the larger engines do, comes with Python, keeps everything in one file and opens it read-only.
What it lacks (several processes writing, tolerance for misspelled words) a folder of documents does not need. How an
index is made, `indexing` knows.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from stepwave.facts.errors import ConfigError, ToolError
from stepwave.tools.web.search.engine import Hit

APPLICATION: Final = 0x53574458
"""Marks the file as ours ("SWDX")."""
VERSION: Final = 1
PER_DOCUMENT: Final = 1 << 20
"""Row ids that a document's passages may take: those of document 7 are 7 * PER_DOCUMENT and the following."""
SCHEMA: Final = f"""
    CREATE TABLE documents (id INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL, title TEXT NOT NULL,
        size INTEGER NOT NULL, modified INTEGER NOT NULL, digest BLOB NOT NULL, count INTEGER NOT NULL);
    CREATE VIRTUAL TABLE passages USING fts5(title, words, tokenize='porter unicode61 remove_diacritics 2');
    PRAGMA application_id = {APPLICATION};
    PRAGMA user_version = {VERSION};
"""
_TITLE_WEIGHT: Final = 2.0
_NEAR: Final = 0.4
"""Share of the best passage's score that others need."""
_WORDS: Final = 24
"""Words of a query that are searched for."""
_COMMON: Final = frozenset((
    "a", "about", "an", "and", "any", "are", "at", "be", "been", "by", "can", "could", "did", "do", "does", "for",
    "from", "had", "has", "have", "how", "i", "in", "is", "it", "its", "me", "my", "of", "on", "or", "our", "please",
    "should", "so", "tell", "that", "the", "their", "there", "this", "to", "us", "was", "we", "were", "what", "when",
    "where", "which", "who", "whose", "why", "will", "with", "would", "you", "your",
))  # fmt: skip
"""Words that fit every passage. Left out of a query, unless it has no others."""
_QUERY: Final = f"""
    SELECT documents.path, passages.title, passages.words, bm25(passages, {_TITLE_WEIGHT}, 1.0) AS badness FROM passages
    JOIN documents ON documents.id = passages.rowid / {PER_DOCUMENT}
    WHERE passages MATCH ? ORDER BY badness, passages.rowid LIMIT ?
"""


class IndexEngine:
    """Searches an index. Safe to share between threads.

    Raises ConfigError where `path` holds none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(open_index(path)):
            pass

    def search(self, query: str, count: int) -> Sequence[Hit]:
        """Documents with words of the query, the best two passages of each; raises ToolError for a damaged index."""
        words = dict.fromkeys(re.findall(r"\w+", query.lower()))
        wanted = [word for word in words if word not in _COMMON] or list(words)
        if not wanted:
            return []
        # Quoted, because bare words may be operators of FTS5's.
        match = " OR ".join(f'"{word}"' for word in wanted[:_WORDS])
        try:
            with closing(open_index(self._path)) as index:
                # More than are told, since several may be of one document.
                rows = index.execute(_QUERY, (match, 8 * count)).fetchall()
        except (sqlite3.Error, ConfigError) as error:
            raise ToolError("the documents cannot be searched; their index is damaged or gone") from error
        found: dict[str, Hit] = {}
        second: set[str] = set()
        for path, title, words, badness in rows:
            # FTS5 gives negative figures, the lowest for the best. What shares a common word or two only misleads.
            if path not in found and badness <= _NEAR * rows[0][3]:
                found[path] = Hit(title, path, words, Path(path).name)
            elif path in found and path not in second:
                second.add(path)
                found[path] = replace(found[path], excerpt=f"{found[path].excerpt} ... {words}")
        return list(found.values())[:count]


def open_index(path: Path) -> sqlite3.Connection:
    """Open an index for reading only. Raises ConfigError where there is none, or one of another kind."""
    if not path.is_file():
        raise ConfigError(f"there is no index at '{path}'; make one: stepwave tools index FOLDER --to '{path}'")
    index = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        index.execute("PRAGMA trusted_schema = OFF")
        found = [index.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    except sqlite3.Error as error:
        index.close()
        raise ConfigError(f"'{path}' is no index of documents ({error}); make another: stepwave tools index") from None
    if found != [APPLICATION, VERSION]:
        index.close()
        raise ConfigError(
            f"'{path}' is no index of documents, or one of another version; make another: stepwave tools index"
        )
    return index
