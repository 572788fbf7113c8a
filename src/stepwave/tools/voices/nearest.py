"""The nearest of many speaker vectors: exact for thousands, by a graph (HNSW, of the package usearch) for more.

The graph is a file beside the store that holds the vectors, and can be made again from it at any time. It covers
entries up to a number; those that came later are compared one by one. Entries that are gone stay in it unheard.
Without the package all vectors are compared one by one: right as well, and slower from some 100,000 on.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from stepwave.facts.errors import OutputError
from stepwave.signal.atomic import UNFINISHED
from stepwave.tools.voices.contract import SpeakerVector

LEAST_FOR_GRAPH: Final = 20_000
"""Vectors that are compared one by one within a few milliseconds; more of them are put into the graph."""
MOST_GONE: Final = 0.3
"""Share of the graph's entries that may be gone before it is made anew."""
_CONNECTIONS, _WHEN_ADDING, _WHEN_SEARCHING = 16, 128, 96
_ADDED_ALONE: Final = 1_000
"""The first entries of a graph, which are added one after the other."""
_GLANCE: Final = 8
"""So many times the wanted number is taken from the graph, in the hope that enough of it passes the filter."""
_MOST_RANKED: Final = 10_000
_GRAPHS: Final = "voices-*.usearch"


class Rows(NamedTuple):
    """Vectors and whose they are."""

    ids: NDArray[np.int64]
    """[n], ascending."""
    vectors: NDArray[np.float32]
    """[n, d]."""


class VectorSource(Protocol):
    """The store that holds the vectors."""

    def meta(self, key: str) -> str | None:
        """A note, None where there is none."""
        ...

    def set_meta(self, key: str, value: str) -> None:
        """Keep a note."""
        ...

    def state(self) -> tuple[int, int]:
        """What changes with the store."""
        ...

    def vectors(self, after: int = 0, facets: Sequence[str] = ()) -> Rows:
        """Vectors of entries above a number that have all facets."""
        ...

    def ids(self, facets: Sequence[str]) -> NDArray[np.int64]:
        """Numbers of entries that have all facets, ascending; of all for none."""
        ...

    def passing(self, ids: Sequence[int], facets: Sequence[str]) -> Rows:
        """Vectors of those of the entries that are there and have all facets."""
        ...


class NearestVoices:
    """Finds neighbours for the store of `folder`. The caller sees to it that one thread at a time is in here."""

    def __init__(self, folder: Path, source: VectorSource) -> None:
        self._folder, self._source = folder, source
        self._graph: Any = None
        self._graph_name = ""
        self._late: Rows | None = None
        self._late_state: tuple[object, ...] = ()

    def find(self, vector: SpeakerVector, facets: Sequence[str], limit: int) -> list[tuple[int, float]]:
        """Numbers and cosines of the nearest entries that have all facets, the nearest first."""
        graph = self._opened_graph()
        if graph is None:
            return _ranked(self._source.vectors(facets=facets) if facets else self._late_rows(), vector)[:limit]
        late = _ranked(self._late_rows(), vector)
        # A first glance at the graph usually has enough entries that pass; else all that pass are compared.
        breadth = _GLANCE * limit
        whole = breadth >= len(graph)
        found = graph.search(vector, min(breadth, len(graph)))
        # What is farther than the last of the graph's may have others of the graph before it.
        horizon = -1.0 if whole else 1 - float(found.distances[-1])
        close = [id for id, cosine in late[:breadth] if cosine >= horizon]
        passing = self._compared([*found.keys.tolist(), *close], vector, facets)
        if len(passing) < limit and not whole:
            passing = self._compared(self._likely(graph, vector, facets, breadth), vector, facets)
        return passing[:limit]

    def _likely(self, graph: Any, vector: SpeakerVector, facets: Sequence[str], count: int) -> list[int]:
        """The nearest `count` that have all facets as the graph keeps them, and all that it does not cover."""
        ids = self._source.ids(facets)
        inside = ids[graph.contains(ids)] if len(ids) else ids
        kept = np.asarray(graph.get(inside), np.float32) if len(inside) else np.zeros((0, len(vector)), np.float32)
        # Eight bits leave vectors of slightly different lengths.
        kept /= np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-12)
        near = [id for id, _ in _ranked(Rows(inside, kept), vector)[:count]]
        return [*near, *ids[ids > self._graph_note()[1]].tolist()]

    def _compared(self, ids: Sequence[int], vector: SpeakerVector, facets: Sequence[str]) -> list[tuple[int, float]]:
        """Those that are there and have all facets, the nearest first; compared exactly, as the graph does not."""
        return _ranked(self._source.passing(ids, facets), vector)

    def settle(self) -> None:
        """Put late vectors into the graph, once there are many. Does nothing without usearch. Raises OutputError."""
        graph_class = _usearch()
        late = self._late_rows()
        if graph_class is None or len(late.ids) < LEAST_FOR_GRAPH:
            return
        name, covered = self._graph_note()
        graph = graph_class.restore(str(self._folder / name)) if name and (self._folder / name).is_file() else None
        if graph is not None and len(graph) > (1 + MOST_GONE) * self._still_there(covered):
            graph = None
        if graph is None:
            late = self._source.vectors()
            graph = graph_class(
                ndim=late.vectors.shape[1], metric="cos", dtype="i8", connectivity=_CONNECTIONS,
                expansion_add=_WHEN_ADDING, expansion_search=_WHEN_SEARCHING,
            )  # fmt: skip
        # Threads that begin together in an empty graph find little to connect to, and leave out neighbours for good.
        alone = max(0, _ADDED_ALONE - len(graph))
        graph.add(late.ids[:alone], late.vectors[:alone], threads=1)
        graph.add(late.ids[alone:], late.vectors[alone:])
        self._store(graph, int(late.ids[-1]))

    def close(self) -> None:
        """Let go of the graph's file."""
        self._graph, self._late = None, None

    def _still_there(self, covered: int) -> int:
        return len(self._source.vectors().ids) - len(self._source.vectors(covered).ids)

    def _graph_note(self) -> tuple[str, int]:
        """The file of the graph, and the number up to which it covers entries; "" and 0 where there is none."""
        name, _, covered = (self._source.meta("graph") or "").partition(" ")
        return Path(name).name, int(covered or 0)

    def _store(self, graph: Any, covered: int) -> None:
        name = _GRAPHS.replace("*", secrets.token_hex(8))
        unfinished = self._folder / UNFINISHED.replace("*", secrets.token_hex(8))
        try:
            graph.save(str(unfinished))
            os.replace(unfinished, self._folder / name)
        except (OSError, RuntimeError) as problem:
            raise OutputError(f"the index in {self._folder} cannot be written ({problem}); free some space") from None
        finally:
            unfinished.unlink(missing_ok=True)
        self.close()
        # This note decides which file counts.
        self._source.set_meta("graph", f"{name} {covered}")
        for old in self._folder.glob(_GRAPHS):
            if old.name != name:
                with contextlib.suppress(OSError):  # another process may hold it open
                    old.unlink()

    def _opened_graph(self) -> Any:
        name, _ = self._graph_note()
        if name != self._graph_name or self._graph is None:
            graph_class = _usearch()
            path = self._folder / name
            self._graph_name, self._graph = name, None
            if name and graph_class is not None and path.is_file():
                self._graph = graph_class.restore(str(path), view=True)
                self._graph.expansion_search = _WHEN_SEARCHING
        return self._graph

    def _late_rows(self) -> Rows:
        """Vectors that no graph covers, kept until the store changes."""
        covered = self._graph_note()[1] if self._opened_graph() is not None else 0
        state = (covered, *self._source.state())
        if self._late is None or state != self._late_state:
            self._late, self._late_state = self._source.vectors(covered), state
        return self._late


def unpacked(rows: Sequence[tuple[int, bytes]]) -> Rows:
    """Stored half-precision vectors as an array."""
    ids = np.fromiter((id for id, _ in rows), np.int64, len(rows))
    packed = np.frombuffer(b"".join(vector for _, vector in rows), "<f2")
    return Rows(ids, packed.reshape(len(rows), -1).astype(np.float32) if rows else np.zeros((0, 0), np.float32))


def _ranked(rows: Rows, vector: SpeakerVector) -> list[tuple[int, float]]:
    """Numbers and cosines of the nearest `_MOST_RANKED`, the nearest first."""
    if not len(rows.ids):
        return []
    cosines = rows.vectors @ (vector / max(float(np.linalg.norm(vector)), 1e-12))
    best = np.arange(len(cosines))
    if len(best) > _MOST_RANKED:
        best = np.argpartition(-cosines, _MOST_RANKED)[:_MOST_RANKED]
    best = best[np.argsort(-cosines[best], kind="stable")]
    return list(zip(rows.ids[best].tolist(), cosines[best].tolist(), strict=True))


def _usearch() -> Any:
    """The class of graphs, None where the package is not installed."""
    try:
        from usearch.index import Index
    except ImportError:
        return None
    return Index
