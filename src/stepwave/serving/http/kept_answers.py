"""Spoken answers that a client may name by id in a later request, so that the model sees what it really said."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

KEPT_SECONDS: Final = 3600
MOST_KEPT: Final = 1024


class KeptAnswers:
    """Token ids of answers by name, for an hour; the oldest make room for new ones."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, tuple[int, ...]]] = OrderedDict()

    def keep(self, name: str, ids: Sequence[int]) -> int:
        """Keep an answer; returns when it will be forgotten, in seconds since 1970."""
        now = time.time()
        while self._kept and (len(self._kept) >= MOST_KEPT or self._oldest() < now):
            self._kept.popitem(last=False)
        self._kept[name] = (now + KEPT_SECONDS, tuple(ids))
        return int(now + KEPT_SECONDS)

    def find(self, name: str) -> tuple[int, ...] | None:
        """The ids of the answer `name`; None if there is none any more."""
        until, ids = self._kept.get(name, (0.0, ()))
        return ids if until > time.time() else None

    def _oldest(self) -> float:
        return next(iter(self._kept.values()))[0]
