"""How quick a store of voices is, and how often it finds the nearest: with made-up entries and clustered vectors.

No clips are made: reading and embedding recordings takes far longer than storing what is known of them.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stepwave.facts.errors import ConfigError
from stepwave.tools.voices.contract import NO_FILTERS, NewVoice, VoiceStore
from stepwave.tools.voices.entries import Filters, VoiceEntry
from stepwave.tools.voices.library import VoiceLibrary
from stepwave.tools.voices.search import Sound, search

WIDTH: Final = 256
NEIGHBOURS: Final = 10
_EMBEDDER: Final = "made up"
_AT_ONCE: Final = 1000
_CLUSTER: Final = 25
"""Entries of a speaker, on average."""
_SPREAD: Final = 0.35
"""How far recordings of one speaker lie apart, where speakers lie 1 apart."""
_TRAITS: Final = (
    ("woman", "man"), ("young", "middle-aged", "old"), ("slow", "fast", "moderate"), ("high", "low", "medium"),
    ("calm", "happy", "sad", "angry", "excited"), ("warm", "rough", "soft", "bright", "dark", "clear"),
    ("teacher", "storyteller", "pirate", "robot", "news reader", "king", "clown", "poet", "nurse", "driver"),
)  # fmt: skip
_LANGUAGES: Final = tuple("en zh de fr es it ja ko pt ru hi ar nl pl tr sv da fi cs el".split())  # noqa: SIM905
_WORDS: Final = 20_000
_FILTERS: Final = Filters(language="fr", gender="female")


@dataclass(frozen=True)
class Latency:
    """How long queries of one kind took, in milliseconds."""

    p50: float
    p95: float
    recall: float | None = None
    """Share of the true nearest that were among those found; None where that has no meaning."""


@dataclass(frozen=True)
class StoreFigures:
    """What was measured."""

    entries: int
    added_per_second: float
    settled_seconds: float
    """For bringing indices up to date afterwards."""
    bytes: int
    """Of the folder; 0 for a database elsewhere."""
    queries: dict[str, Latency]
    """By kind: text, sound, both, each also `filtered`."""


def measure_store(
    folder: Path,
    open_store: Callable[[], VoiceStore],
    entries: int,
    queries: int,
    seed: int,
    told: Callable[[str], None],
) -> StoreFigures:
    """Fill an empty store with `entries` voices, open it anew, and ask it `queries` times in each way.

    Raises ConfigError for numbers that cannot be measured, or a store that is not empty.
    """
    if entries < NEIGHBOURS or queries < 1:
        raise ConfigError(f"{entries} entries and {queries} queries; wanted {NEIGHBOURS} and 1 or more")
    vectors = _vectors(entries, seed, entries)
    store = open_store()
    if store.count():
        raise ConfigError("the store is not empty; wanted one to fill with made-up voices")
    store.claim_embedder(_EMBEDDER)
    added = 0.0
    for start in range(0, entries, _AT_ONCE):
        told(f"{start:,} of {entries:,} stored")
        voices = [
            NewVoice(_entry(number, seed), vectors[number]) for number in range(start, min(entries, start + _AT_ONCE))
        ]
        begun = time.perf_counter()
        store.add(voices)
        added += time.perf_counter() - begun
    told("indexing")
    begun = time.perf_counter()
    store.settle(lambda share: told(f"indexing, {share:.0%}"))
    settled = time.perf_counter() - begun
    store.close()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    store = open_store()
    try:
        found = dict(_ask(VoiceLibrary(folder, store), vectors, queries, seed, told))
    finally:
        store.close()
    return StoreFigures(entries, entries / added, settled, size, found)


def _ask(
    library: VoiceLibrary, vectors: NDArray[np.float32], queries: int, seed: int, told: Callable[[str], None]
) -> Iterator[tuple[str, Latency]]:
    sounds = _vectors(queries, seed + 1, len(vectors))
    texts = _queries(queries, len(vectors), seed)
    for filters, extra in ((NO_FILTERS, ""), (_FILTERS, ", filtered")):
        told(f"exact neighbours{extra}")
        true = _exact(vectors, sounds, filters, seed)
        for kind in ("text", "sound", "both"):
            told(f"{kind}{extra}")
            taken = []
            for text, vector in zip(texts, sounds, strict=True):
                like = Sound(vector, _EMBEDDER) if kind != "text" else None
                begun = time.perf_counter()
                search([library], text if kind != "sound" else "", like, filters)
                taken.append(1000 * (time.perf_counter() - begun))
            recall = _recall(library.store, sounds, true, filters) if kind == "sound" else None
            middle, high = np.percentile(taken, [50, 95])
            yield f"{kind}{extra}", Latency(round(float(middle), 2), round(float(high), 2), recall)


def _recall(store: VoiceStore, sounds: NDArray[np.float32], true: list[set[int]], filters: Filters) -> float:
    shares = []
    for vector, wanted in zip(sounds, true, strict=True):
        ids = [hit.id for hit in store.find_sound(vector, filters, NEIGHBOURS)]
        got = {int(entry.name) for entry in store.fetch(ids)}
        shares.append(len(got & wanted) / max(1, len(wanted)))
    return round(float(np.mean(shares)), 4)


def _exact(vectors: NDArray[np.float32], sounds: NDArray[np.float32], filters: Filters, seed: int) -> list[set[int]]:
    """Numbers of the true neighbours that pass."""
    passing = np.arange(len(vectors))
    if filters.asked():
        kept = [n for n in passing.tolist() if _facets(n, seed) == (filters.gender, filters.language)]
        passing = np.array(kept, dtype=np.int64)
    among = vectors[passing] if filters.asked() else vectors
    found = []
    for sound in sounds:
        cosines = among @ sound
        best = np.argpartition(-cosines, NEIGHBOURS - 1)[:NEIGHBOURS] if len(cosines) > NEIGHBOURS else slice(None)
        found.append(set(passing[best].tolist()))
    return found


def _vectors(count: int, seed: int, entries: int) -> NDArray[np.float32]:
    """Vectors [count, WIDTH] of length 1 without negative numbers, as nano's are, around speakers' middles."""
    speakers = max(1, entries // _CLUSTER)
    middles = np.abs(np.random.default_rng(0).normal(size=(speakers, WIDTH))).astype(np.float32)
    generator = np.random.default_rng(seed + 100)
    made = np.empty((count, WIDTH), np.float32)
    for start in range(0, count, 10_000):
        some = generator.integers(0, speakers, min(10_000, count - start))
        near = middles[some] + _SPREAD * generator.normal(size=(len(some), WIDTH)).astype(np.float32)
        near = np.maximum(near, 0)
        made[start : start + len(some)] = near / np.linalg.norm(near, axis=1, keepdims=True)
    return made


def _drawn(number: int, seed: int) -> tuple[random.Random, Sequence[str], str]:
    chooser = random.Random(f"{seed} {number}")
    return chooser, [chooser.choice(words) for words in _TRAITS], chooser.choice(_LANGUAGES)


def _facets(number: int, seed: int) -> tuple[str, str]:
    _, traits, language = _drawn(number, seed)
    return ("female" if traits[0] == "woman" else "male", language)


def _entry(number: int, seed: int) -> VoiceEntry:
    chooser, traits, language = _drawn(number, seed)
    said = " ".join(_word(chooser) for _ in range(14))
    return VoiceEntry(
        str(number), hashlib.sha256(str(number).encode()).hexdigest(), ".opus", 5.0, said,
        f"a {traits[1]} {traits[0]}, {traits[4]}, {traits[2]}, {traits[3]} pitch, {traits[5]}, like a {traits[6]}",
        language, _facets(number, seed)[0], speaker=str(number // _CLUSTER), source="made up",
    )  # fmt: skip


def _word(chooser: random.Random) -> str:
    """A made-up word; few are frequent, most are rare."""
    return f"w{int(_WORDS ** chooser.random())}"


def _queries(count: int, entries: int, seed: int) -> list[str]:
    """What people might ask for: two to four traits, now and then a word that is said."""
    queries = []
    for number in range(count):
        chooser, traits, _ = _drawn(number * 7919 % entries, seed)
        wanted = chooser.sample(list(traits), chooser.randint(2, 4))
        queries.append(" ".join([*wanted, *([_word(chooser)] if number % 4 == 3 else [])]))
    return queries


def as_json(figures: StoreFigures) -> dict[str, Any]:
    """The figures as JSON values."""
    queries = {
        kind: {"p50_ms": one.p50, "p95_ms": one.p95, **({} if one.recall is None else {"recall_at_10": one.recall})}
        for kind, one in figures.queries.items()
    }
    return {
        "entries": figures.entries,
        "added_per_second": round(figures.added_per_second),
        "settled_seconds": round(figures.settled_seconds, 1),
        "bytes": figures.bytes,
        "queries": queries,
    }
