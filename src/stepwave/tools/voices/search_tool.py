"""The tool that finds a voice to go on speaking in (Step-Audio 2, section 3.1; its schema is in `text.standard_tools`).

What the model is told has the form that training shows (`prepare/tool_dialogues/scripts/audio_search.toml`): a JSON
object, in which what others wrote of a voice is plainly data.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from stepwave.facts.errors import AudioError, ConfigError, ToolError
from stepwave.text.standard_tools import AUDIO_SEARCH
from stepwave.tools.contract import Tool, VoiceFound

if TYPE_CHECKING:
    from stepwave.tools.voices.entries import VoiceEntry
    from stepwave.tools.voices.library import VoiceLibrary
    from stepwave.tools.voices.places import LibraryPlace

OWN_VOICE: Final = "own"
_TRIED: Final = 5
"""So many of the best entries are tried, should clips be lost."""
_LONGEST_TOLD: Final = 300
"""Characters of a transcript or a description that the model is told."""
_SHOWN: Final = 6
"""Voices that are named where none fits."""


def audio_search(libraries: Sequence[LibraryPlace] | Callable[[], Sequence[VoiceLibrary]] = ()) -> Tool:
    """The tool. It searches the libraries at the places `libraries`, then the user's and the project's.

    They are opened at its first call; `libraries` may be what opens them instead, all of them.
    """
    lock = threading.Lock()
    opened: list[VoiceLibrary] = []

    def search(query: str) -> VoiceFound:
        from stepwave.tools.voices.words import means_own_voice

        if means_own_voice(query):
            return VoiceFound(_told({"clip": OWN_VOICE, "description": "your own voice"}), OWN_VOICE, None)
        with lock:
            if not opened:
                opened.extend(libraries() if callable(libraries) else _opened(libraries))
        return _best(opened, query)

    return Tool(AUDIO_SEARCH, search, untrusted=True)


def _best(libraries: Sequence[VoiceLibrary], query: str) -> VoiceFound:
    from stepwave.tools.voices.search import search

    try:
        found = search(libraries, query, limit=_TRIED)
    except ConfigError as problem:
        raise ToolError(str(problem)) from None
    for one in found:
        try:
            clip = one.library.clip(one.entry)
        except AudioError:
            continue
        fits = {} if one.whole else {"note": "the nearest voice; not all of what was asked for fits"}
        return VoiceFound(_told({**_described(one.entry), **fits}), one.entry.name, clip)
    if found:
        raise ToolError(f"the clips of the voices that fit {query[:60]!r} are lost; try another description")
    raise ToolError(f"no voice fits {query[:60]!r}; {_what_there_is(libraries)}")


def _described(entry: VoiceEntry) -> dict[str, str]:
    """What the model is told of an entry."""
    from stepwave.tools.voices.words import words_of

    told: list[str] = []
    # Gender and age are often said in the description already.
    for text in (entry.description, entry.gender, entry.age, entry.emotion, entry.style):
        if not set(words_of(text)) <= set(words_of(" ".join(told))):
            told.append(text)
    return {
        "clip": entry.name,
        "description": ", ".join(told)[:_LONGEST_TOLD],
        "transcription": entry.transcript[:_LONGEST_TOLD],
    }


def _told(facts: dict[str, Any]) -> str:
    return json.dumps({"found": True, **facts}, ensure_ascii=False)


def _what_there_is(libraries: Sequence[VoiceLibrary]) -> str:
    """How many voices there are, with some of them."""
    count = sum(one.store.count() for one in libraries)
    some: list[str] = []
    for library in libraries:
        entries = library.store.entries(limit=200)
        some += [entry.description or entry.name for entry in entries[:: max(1, len(entries) // _SHOWN)]]
    return f"there are {count:,} voices" + (f", such as: {'; '.join(some[:_SHOWN])}" if some else "")


def _opened(places: Sequence[LibraryPlace]) -> Sequence[VoiceLibrary]:
    from stepwave.tools.voices.opening import open_to_read

    return open_to_read(places)
