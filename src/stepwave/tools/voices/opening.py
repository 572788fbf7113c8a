"""Opening libraries: with the store that a folder has, or with a database elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stepwave.facts.errors import ConfigError, OutputError
from stepwave.tools.voices.contract import VoiceStore
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.library import Embedding, VoiceLibrary
from stepwave.tools.voices.places import LibraryPlace, demo_folder, holds_library, own_folder


def open_library(
    folder: Path | None = None, store: str | None = None, embedding: Embedding | None = None
) -> VoiceLibrary:
    """The library in `folder`, the user's own for None, made where there is none.

    Args:
        folder: where its clips are, and its store unless `store` names another.
        store: address of a database, `postgresql://USER@HOST/NAME`.
        embedding: makes the vectors of what is added.

    Raises DataError, OutputError, and ConfigError for an address of another kind.
    """
    where = own_folder() if folder is None else folder
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"cannot make the folder {where} ({problem.strerror}); name another with --library") from None
    return VoiceLibrary(where, _store(where, store), embedding)


def open_libraries(folder: Path | None = None, store: str | None = None) -> list[VoiceLibrary]:
    """The libraries to search: the one in `folder`, or the user's own, where it is there; then the project's.

    Raises as `open_library` does, and DataError where `folder` or the database is named and holds no library.
    """
    found = []
    if folder is not None or store is not None or holds_library(own_folder()):
        where = own_folder() if folder is None else folder
        if store is None and not holds_library(where):
            EmbeddedStore(where, read_only=True)  # says that nothing is there
        found.append(VoiceLibrary(where, _store(where, store)))
    demo = demo_folder()
    if demo is not None and all(demo.resolve() != one.folder.resolve() for one in found):
        found.append(VoiceLibrary(demo, EmbeddedStore(demo, read_only=True)))
    return found


def open_to_read(places: Sequence[LibraryPlace] = ()) -> list[VoiceLibrary]:
    """Libraries that are only read: those at `places`, the user's own where it is there, and the project's.

    Others may go on changing all but the project's. Raises DataError where there is none at one of `places`, or a
    library is damaged, OutputError where one cannot be read, and what opening a database raises.
    """
    wanted = [*places, *([LibraryPlace(own_folder())] if holds_library(own_folder()) else [])]
    each = dict.fromkeys((place.folder.resolve(), place.store) for place in wanted)
    demo = demo_folder()
    found: list[VoiceLibrary] = []
    try:
        for folder, store in each:
            read = EmbeddedStore(folder, read_only=True, locked=True) if store is None else _database(store)
            found.append(VoiceLibrary(folder, read))
        if demo is not None and (demo.resolve(), None) not in each:
            found.append(VoiceLibrary(demo, EmbeddedStore(demo, read_only=True)))
    except BaseException:
        for library in found:
            library.store.close()
        raise
    return found


def _store(folder: Path, address: str | None) -> VoiceStore:
    return EmbeddedStore(folder) if address is None else _database(address)


def _database(address: str) -> VoiceStore:
    if not address.startswith(("postgresql://", "postgres://")):
        raise ConfigError(
            f"the store {address.split('@')[-1]!r} is of no known kind; wanted postgresql://USER@HOST/NAME"
        )
    from stepwave.tools.voices.postgres import PostgresStore

    return PostgresStore(address)
