"""The nearest of many speaker vectors. Candidates come from comparing eight bits a number, of very many by a graph.

Without the graph all are compared: right as well, and slower from some 100,000 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stepwave.tools.voices.contract import SpeakerVector
from stepwave.tools.voices.inventory import Inventory
from stepwave.tools.voices.rows import highest, rows_of
from stepwave.tools.voices.snapshot import NO_VECTOR

FEW: Final = 60_000
"""Vectors that are compared sooner than the graph would be asked for those that pass a filter."""
_GLANCE: Final = 2
"""So many times the wanted number is taken from the graph, of what can be expected to pass the filter."""


def near(inventory: Inventory, vector: SpeakerVector, facets: Sequence[str], count: int) -> list[int]:
    """Numbers of the `count` entries with all facets that seem nearest, and fewer only where there are no more."""
    vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
    passing = inventory.having(facets) if facets else None
    left = len(inventory.ids) if passing is None else int(np.count_nonzero(passing))
    if inventory.graph is not None and left > FEW:
        breadth = min(len(inventory.graph), _GLANCE * count * len(inventory.ids) // left)
        glanced = np.asarray(inventory.graph.search(vector, breadth).keys, np.int64)
        rows, _ = rows_of(inventory.ids, np.sort(glanced))
        rows = np.concatenate([rows, np.arange(inventory.covered, len(inventory.ids))])
        found = _nearest(inventory, rows if passing is None else rows[passing[rows]], vector, count)
        if len(found) == count:
            return found
    rows = np.arange(len(inventory.ids)) if passing is None else np.flatnonzero(passing)
    return _nearest(inventory, rows, vector, count)


def _nearest(inventory: Inventory, rows: NDArray[np.int64], vector: SpeakerVector, count: int) -> list[int]:
    cosines = inventory.cosines(rows, vector)
    rows, cosines = rows[cosines > NO_VECTOR], cosines[cosines > NO_VECTOR]
    ids: list[int] = inventory.ids[rows[highest(cosines, count)]].tolist()
    return ids
