"""Making and updating the offline index of a folder of documents.

An update works on a copy that replaces the old file when it is complete: whoever searches meanwhile, or whatever goes
wrong, has the old index. Hidden files and folders and symbolic links are left alone.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from stepwave.facts.errors import ConfigError, DataError, OutputError
from stepwave.signal.atomic import UNFINISHED, check_target
from stepwave.tools.web.search.documents import LARGEST, READERS, Document, read_document
from stepwave.tools.web.search.index import PER_DOCUMENT, SCHEMA, open_index

_CACHE_KIB: Final = 64_000


@dataclass
class Indexed:
    """What an update did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    """Documents that the index no longer has, because they are gone or cannot be read any more."""
    skipped: dict[str, str] = field(default_factory=dict)
    """By file: why it could not be read."""
    passages: int = 0
    """In the whole index."""
    size: int = 0
    """Bytes of the index."""

    @property
    def documents(self) -> int:
        """In the whole index."""
        return self.added + self.changed + self.unchanged


def index_folder(folder: Path, target: Path, progress: Callable[[int, int], None] | None = None) -> Indexed:
    """Bring the index at `target` up to what is in `folder`; without one there, make it.

    Args:
        folder: documents, also in folders below it: .txt, .md, .markdown, .html, .htm in UTF-8.
        target: the index, one file.
        progress: is told how many files are done, and of how many.

    Raises ConfigError for a folder that is none and for a file at `target` that is no index, OutputError where the
    index cannot be written. A document that cannot be read is skipped and counted.
    """
    if not folder.is_dir():
        raise ConfigError(f"'{folder}' is no folder; name one with documents")
    target = check_target(target)
    if target.exists():
        open_index(target).close()
    unfinished = target.with_name(UNFINISHED.replace("*", secrets.token_hex(8)))
    try:
        try:
            if target.exists():
                shutil.copy(target, unfinished)
            done = _update(folder, unfinished, progress or (lambda done, total: None))
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
                done.size = os.fstat(file.fileno()).st_size
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise OutputError(
            f"cannot write the index '{target}' ({error}); choose another place, or make it anew"
        ) from error
    return done


def _update(folder: Path, path: Path, progress: Callable[[int, int], None]) -> Indexed:
    done = Indexed()
    names = sorted(_documents(folder))
    with closing(sqlite3.connect(path)) as index, index:
        # What a crash leaves is thrown away, so that nothing has to be kept for undoing it.
        index.execute("PRAGMA journal_mode = OFF")
        index.execute("PRAGMA synchronous = OFF")
        index.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        if not index.execute("PRAGMA application_id").fetchone()[0]:
            index.executescript(SCHEMA)
        known = {row[1]: row for row in index.execute("SELECT id, path, size, modified, digest, count FROM documents")}
        for number, name in enumerate(names):
            progress(number, len(names))
            try:
                _update_one(index, folder, name, known.get(name), done)
            except (DataError, OSError) as problem:
                done.skipped[name] = problem.strerror or str(problem) if isinstance(problem, OSError) else str(problem)
        for name in known.keys() - (set(names) - done.skipped.keys()):
            _forget(index, known[name])
            done.removed += 1
        index.execute("INSERT INTO passages(passages) VALUES ('optimize')")
        done.passages = index.execute("SELECT COALESCE(SUM(count), 0) FROM documents").fetchone()[0]
    progress(len(names), len(names))
    return done


_Row = tuple[int, str, int, int, bytes, int]
"""Of a document: id, path, size, modified, digest, count of its passages."""


def _update_one(index: sqlite3.Connection, folder: Path, name: str, old: _Row | None, done: Indexed) -> None:
    """Add or replace a document, unless it is what the index has. DataError and OSError mean that it is broken."""
    found = (folder / name).stat()
    size, modified = found.st_size, found.st_mtime_ns
    if old and old[2:4] == (size, modified):
        done.unchanged += 1
        return
    with (folder / name).open("rb") as file:
        data = file.read(LARGEST + 1)
    digest = hashlib.sha256(data).digest()
    if old and old[4] == digest:
        index.execute("UPDATE documents SET size = ?, modified = ? WHERE id = ?", (size, modified, old[0]))
        done.unchanged += 1
        return
    document = read_document(PurePath(name), data)
    if old:
        _forget(index, old)
    _add(index, name, document, size, modified, digest)
    done.added += not old
    done.changed += bool(old)


def _add(index: sqlite3.Connection, name: str, document: Document, size: int, modified: int, digest: bytes) -> None:
    row = (name, document.title, size, modified, digest, len(document.passages))
    number = index.execute(
        "INSERT INTO documents (path, title, size, modified, digest, count) VALUES (?, ?, ?, ?, ?, ?)", row
    ).lastrowid
    assert number is not None
    first = number * PER_DOCUMENT
    index.executemany(
        "INSERT INTO passages (rowid, title, words) VALUES (?, ?, ?)",
        ((first + place, document.title, words) for place, words in enumerate(document.passages)),
    )


def _forget(index: sqlite3.Connection, row: _Row) -> None:
    first = row[0] * PER_DOCUMENT
    index.execute("DELETE FROM passages WHERE rowid BETWEEN ? AND ?", (first, first + row[5] - 1))
    index.execute("DELETE FROM documents WHERE id = ?", (row[0],))


def _documents(folder: Path) -> Iterator[str]:
    """Paths of the documents below `folder`, with / between the parts."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(place, name)
            if not name.startswith(".") and path.suffix.lower() in READERS and path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix()
