"""Voices of libraries to be chosen by name: what a server and commands offer beside the voices stored with a model.

Searching for a voice by what it is like is the business of `search`; this only tells whose names may be said.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from stepwave.facts.errors import ConfigError, DataError
from stepwave.signal.files import Audio
from stepwave.tools.voices.entries import VoiceEntry, may_be_name
from stepwave.tools.voices.library import VoiceLibrary
from stepwave.tools.voices.opening import open_to_read
from stepwave.tools.voices.places import LibraryPlace, holds_library
from stepwave.tools.voices.search import search

OF_LIBRARY: Final = "library:"
"""Before a voice's name: the libraries' voice of that name, whatever else is called so."""
_LONGEST_TOLD: Final = 200
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Offered:
    """A voice as it is offered."""

    name: str
    """By which it can be chosen; `OF_LIBRARY` is before it where it would mean another."""
    description: str
    """In a few words, "" where nobody noted any."""


class OfferedVoices:
    """The voices of several libraries, which are opened at the first question; of one name, the first library's counts.

    Safe to use from several threads. All methods raise what opening raises (DataError, OutputError) and, as long as
    they read, what stores raise. `taken` are names that mean something else where the voice is to be chosen.
    """

    def __init__(self, libraries: Callable[[], Sequence[VoiceLibrary]] = list) -> None:
        self._open = libraries
        self._opened: Sequence[VoiceLibrary] | None = None
        self._lock = threading.Lock()

    def listed(self, limit: int, taken: Collection[str] = ()) -> list[Offered]:
        """The first voices, library by library."""
        found: dict[str, VoiceEntry] = {}
        for entry in self._entries():
            if len(found) == limit:
                break
            found.setdefault(entry.name, entry)
        return [_offered(entry, taken) for entry in found.values()]

    def find(self, query: str, limit: int, taken: Collection[str] = ()) -> list[Offered]:
        """The voice of that name, then those that words fit best (`search`); none for words that say nothing."""
        named = self._named(query.strip())
        entries = [named[1]] if named is not None else []
        try:
            found = search(self._libraries(), query, limit=limit) if query.strip() else []
        except ConfigError:
            found = []
        for one in found:
            named = self._named(one.entry.name)
            if named is not None and named[0] is one.library:
                entries.append(one.entry)
        each = {entry.name: _offered(entry, taken) for entry in entries}
        return list(each.values())[:limit]

    def clip(self, name: str) -> Audio | None:
        """The recording of the voice of that name, which `OF_LIBRARY` may precede; None where there is none.

        Raises AudioError where it is lost.
        """
        named = self._named(name.removeprefix(OF_LIBRARY))
        return None if named is None else named[0].clip(named[1])

    def close(self) -> None:
        """Let go of the libraries; the next question opens them again."""
        with self._lock:
            for library in self._opened or ():
                library.store.close()
            self._opened = None

    def _libraries(self) -> Sequence[VoiceLibrary]:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _entries(self) -> Iterator[VoiceEntry]:
        for library in self._libraries():
            last = 0
            while entries := library.store.entries(after=last, limit=_AT_ONCE):
                yield from entries
                last = entries[-1].id

    def _named(self, name: str) -> tuple[VoiceLibrary, VoiceEntry] | None:
        if not may_be_name(name):
            return None
        for library in self._libraries():
            if (entry := library.store.get(name)) is not None:
                return library, entry
        return None


def offered_voices(places: Sequence[LibraryPlace] = ()) -> OfferedVoices:
    """The voices of the libraries at `places`, the user's own and the project's.

    Raises DataError where a folder with a store of its own should be and is not. Databases are asked when they are
    first needed.
    """
    for place in places:
        if place.store is None and not holds_library(place.folder):
            raise DataError(
                f"there is no voice library in {place.folder}; name another folder, or add a voice to it first"
            )
    return OfferedVoices(lambda: open_to_read(places))


def _offered(entry: VoiceEntry, taken: Collection[str]) -> Offered:
    facets = ", ".join(filter(None, (entry.gender, entry.age, entry.emotion, entry.style)))
    name = OF_LIBRARY + entry.name if entry.name in taken else entry.name
    return Offered(name, (entry.description or facets)[:_LONGEST_TOLD])
