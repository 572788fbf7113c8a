"""Searching several libraries at once, by words, by sound, or by both.

Each kind of search gives a ranking. Rankings of several libraries are merged, then those of words and sound are fused
by reciprocal ranks (Cormack, Clarke and Büttcher 2009): scores of the two could not be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stepwave.facts.errors import ConfigError
from stepwave.tools.voices.contract import NO_FILTERS, Hit, SpeakerVector
from stepwave.tools.voices.entries import Filters, VoiceEntry
from stepwave.tools.voices.library import VoiceLibrary
from stepwave.tools.voices.words import query_words

DEPTH: Final = 50
"""Entries of each ranking that are fused, at least."""
_EVENING: Final = 60
"""The constant of reciprocal-rank fusion; the larger, the less the first places count for."""


@dataclass(frozen=True)
class Sound:
    """A sound to be compared with."""

    vector: SpeakerVector
    embedder: str
    """What made the vector, as `Embedding.name` says."""


@dataclass(frozen=True)
class FoundVoice:
    """An entry that a search found."""

    entry: VoiceEntry
    library: VoiceLibrary
    score: float
    """Sum of reciprocal ranks; comparable within one search."""
    whole: bool | None
    """Whether it has all words of the query; None where none were asked for or it has none."""
    likeness: float | None
    """Cosine with the sound that was asked for; None where none was, or it is not among the nearest."""


def search(
    libraries: Sequence[VoiceLibrary],
    query: str = "",
    like: Sound | None = None,
    filters: Filters = NO_FILTERS,
    limit: int = 10,
) -> list[FoundVoice]:
    """The best entries of all libraries, the best first; of equal ones those of the libraries named first.

    Args:
        libraries: where to search.
        query: what the voice is to be like, or say, in words.
        like: a sound that it is to be like; libraries that another model embedded are not searched by it.
        filters: what it must be. With filters alone, entries are found by number.
        limit: how many are wanted.

    Raises ConfigError for a query that says nothing, and for a sound that no library can be compared with.
    """
    words = query_words(query)
    if query.strip() and not words:
        raise ConfigError(f"nothing in {query[:60]!r} says what a voice is like; describe it: an old man, calm")
    if limit < 1:
        raise ConfigError(f"{limit} voices are wanted; wanted 1 or more")
    if like is not None and all(one.store.embedder() != like.embedder for one in libraries):
        raise ConfigError(
            f"no library here has vectors of {like.embedder}, so that sounds cannot be compared; search by words, or "
            "export and import the library with this model"
        )
    depth = max(DEPTH, limit)
    if not words and like is None:
        listed = [(one, entry) for one in libraries for entry in one.store.entries(filters, limit=limit)]
        return [FoundVoice(entry, one, 0.0, None, None) for one, entry in listed[:limit]]
    said: list[tuple[int, Hit]] = []
    heard: list[tuple[int, Hit]] = []
    for place, library in enumerate(libraries):
        ranks = enumerate(library.store.find_words(words, filters, depth))
        said += [(place, Hit(hit.id, -rank, hit.whole)) for rank, hit in ranks]
        if like is not None and library.store.embedder() == like.embedder:
            heard += [(place, hit) for hit in library.store.find_sound(like.vector, filters, depth)]
    said.sort(key=lambda one: (not one[1].whole, -one[1].score, one[0]))
    heard.sort(key=lambda one: -one[1].score)
    scores: dict[tuple[int, int], float] = {}
    for ranking in (said, heard):
        for rank, (place, hit) in enumerate(ranking[:depth]):
            scores[place, hit.id] = scores.get((place, hit.id), 0.0) + 1 / (_EVENING + rank + 1)
    whole = {(place, hit.id): hit.whole for place, hit in said}
    likeness = {(place, hit.id): hit.score for place, hit in heard}
    best = sorted(scores, key=lambda one: (-scores[one], one[0]))[:limit]
    found = []
    for place, id in best:
        # One that somebody removes meanwhile is left out.
        for entry in libraries[place].store.fetch([id]):
            key = (place, id)
            found.append(FoundVoice(entry, libraries[place], scores[key], whole.get(key), likeness.get(key)))
    return found
