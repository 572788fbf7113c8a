"""Ranking entries by words: BM25 (Robertson and Zaragoza 2009) with the constants of SQLite's FTS5, of all entries.

A word that is told of a voice counts three times as much as one that it says.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stepwave.tools.voices.rows import Postings, highest

_SATURATION, _BY_LENGTH = 1.2, 0.75
_OFTEN: Final = np.array([[0], [3], [1], [4]], np.float32)
"""How often a word counts that is nowhere, told, said, or both."""
_LEAST_RARITY: Final = 1e-6
"""Of a word that half of the entries have."""


def word_weights(lengths: NDArray[np.int32]) -> NDArray[np.float32]:
    """What a word counts, [4, n] for the places of `_OFTEN`, in entries of so many words each, [n]."""
    relative = lengths.astype(np.float32) / max(1.0, float(lengths.mean()) if len(lengths) else 0.0)
    damping = _SATURATION * (1 - _BY_LENGTH + _BY_LENGTH * relative)
    return np.asarray((_SATURATION + 1) * _OFTEN / (_OFTEN + damping), np.float32)


class WordRanking:
    """Entries ranked by the words that they have.

    Args:
        words: who has each word, told or said.
        weights: [4, n], of `word_weights`.
        passing: bool [n], whether an entry may be found; all may for None.
    """

    def __init__(
        self, words: list[Postings], weights: NDArray[np.float32], passing: NDArray[np.bool_] | None = None
    ) -> None:
        entries = weights.shape[1]
        self._scores = np.zeros(entries, np.float32)
        had = np.zeros(entries, np.uint8)
        for rows, places in words:
            rarity = max(math.log((entries - len(rows) + 0.5) / (len(rows) + 0.5)), _LEAST_RARITY)
            self._scores[rows] += np.float32(rarity) * weights[places, rows]
            had[rows] += 1
        if passing is not None:
            had *= passing
        self._whole = np.flatnonzero(had == len(words))
        self._part = np.flatnonzero((had > 0) & (had < len(words)))

    def best(self, count: int) -> list[tuple[int, float, bool]]:
        """Row, score, and whether it has all words, of the first `count`; those that have all words come first."""
        found: list[tuple[int, float, bool]] = []
        for group, whole in ((self._whole, True), (self._part, False)):
            rows = group[highest(self._scores[group], count - len(found))]
            found += zip(rows.tolist(), self._scores[rows].tolist(), [whole] * len(rows), strict=True)
        return found
