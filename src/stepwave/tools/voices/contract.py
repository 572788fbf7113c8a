"""What a store of voices can do. It holds entries, their words and their speaker vectors; clips lie in files elsewhere.

Two kinds of search, each a ranking of its own: by words over what is told and said, by nearness of speaker vectors.
Fusing them is the business of `search`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stepwave.tools.voices.entries import Filters, VoiceEntry

SpeakerVector: TypeAlias = NDArray[np.float32]
"""float32 [d] of length 1 that says whose voice it is."""
NO_FILTERS = Filters()


@dataclass(frozen=True)
class NewVoice:
    """An entry to be stored, with the vector of its clip where there is one."""

    entry: VoiceEntry
    vector: SpeakerVector | None = None


@dataclass(frozen=True)
class Hit:
    """An entry that a search found."""

    id: int
    score: float
    """BM25 or the like for words, the cosine for vectors: higher is better; comparable within one search alone."""
    whole: bool = True
    """For words: whether the entry has all of them."""


class VoiceStore(Protocol):
    """Entries with their indices. Safe to use from several threads.

    All methods raise OutputError where the store cannot be written and DataError where it is damaged or out of reach.
    """

    def add(self, voices: Sequence[NewVoice]) -> None:
        """Store entries, all or none. Raises DataError for a name or a digest that is there already."""
        ...

    def known(self, digests: Collection[str]) -> set[str]:
        """Which of these clips are there."""
        ...

    def get(self, name: str) -> VoiceEntry | None:
        """The entry of this name."""
        ...

    def fetch(self, ids: Sequence[int]) -> list[VoiceEntry]:
        """Entries by number, in this order; those that are gone are left out."""
        ...

    def entries(self, filters: Filters = NO_FILTERS, after: int = 0, limit: int = 1000) -> list[VoiceEntry]:
        """Entries by ascending number, those above `after`."""
        ...

    def count(self, filters: Filters = NO_FILTERS) -> int:
        """How many entries there are."""
        ...

    def remove(self, name: str) -> VoiceEntry | None:
        """Remove an entry and return it; None where there is none of that name."""
        ...

    def find_words(self, words: Sequence[str], filters: Filters = NO_FILTERS, limit: int = 50) -> list[Hit]:
        """The best entries for words of `words.query_words`: those that have all of them, then those that have some."""
        ...

    def find_sound(self, vector: SpeakerVector, filters: Filters = NO_FILTERS, limit: int = 50) -> list[Hit]:
        """The entries whose voices are nearest, by descending cosine. Raises ConfigError for another length."""
        ...

    def embedder(self) -> str | None:
        """What made the vectors, as `claim_embedder` was told; None before there are any."""
        ...

    def claim_embedder(self, name: str) -> None:
        """Note what makes the vectors. Raises ConfigError if others were made by something else."""
        ...

    def settle(self, progress: Callable[[float], None] = lambda share: None) -> None:
        """Bring indices up to date; searches are right without it, and quick after it.

        `progress` is told which share is done, where that may take long.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
