"""System prompts that were read before, kept so that the next conversation that begins with one need not read it again.

Shared by the conversations of one model; safe from several threads.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from stepwave.facts.tokens import SpecialTokens
from stepwave.layers.cache import KVCache

LONGEST: Final = 1_024
"""Positions of a prompt that is kept; longer ones, long lists of tools say, would take much memory."""


class Prefixes:
    """The `most` system prompts used last."""

    def __init__(self, most: int = 8) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[int, ...], KVCache] = OrderedDict()

    def find(self, ids: Sequence[int]) -> KVCache | None:
        """The cache of one row that has read `ids`, for copying from; None if there is none."""
        with self._lock:
            found = self._held.get(tuple(ids))
            if found is not None:
                self._held.move_to_end(tuple(ids))
            return found

    def keep(self, ids: Sequence[int], cache: KVCache) -> None:
        """Remember that `cache`, which nobody else may write to, has read `ids`."""
        with self._lock:
            self._held[tuple(ids)] = cache
            while len(self._held) > self._most:
                self._held.popitem(last=False)


def system_turn(ids: Sequence[int], special: SpecialTokens) -> int:
    """How many of a prompt's first `ids` are its first turn; 0 where that holds sound, is open, or is too long."""
    try:
        end = ids.index(special.eot) + 1
    except ValueError:
        return 0
    return 0 if special.audio_start in ids[:end] or end > LONGEST else end
