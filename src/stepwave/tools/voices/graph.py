"""A graph (HNSW, of the package usearch) that proposes the nearest of very many vectors. Not all of those are in it.

Without the package there is none, and all vectors are compared.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Final

from stepwave.facts.errors import OutputError
from stepwave.tools.voices.rows import Vectors

MOST_GONE: Final = 0.3
"""Share of the graph's entries that may be gone before it is made anew."""
_FILE: Final = "vectors.usearch"
_CONNECTIONS, _WHEN_ADDING, _WHEN_SEARCHING = 16, 128, 96
_ALONE: Final = 1000
"""Vectors that one thread adds: in a small graph those that several add at once do not see each other, and some are
never found (recall 0.97 of 400)."""


def opened_graph(folder: Path) -> Any:
    """The graph in a folder, mapped into memory; None where there is none, a broken one, or no package to read it."""
    graph = _restored(folder, mapped=True)
    if graph is not None:
        graph.expansion_search = _WHEN_SEARCHING
    return graph


def graph_to_grow(folder: Path, width: int, still_there: int) -> Any:
    """A copy in memory of the graph in a folder, an empty one if few of its entries are `still_there` or it is lost.

    None without the package.
    """
    graph_class = _usearch()
    if graph_class is None:
        return None
    graph = _restored(folder, mapped=False)
    if graph is None or graph.ndim != width or len(graph) > (1 + MOST_GONE) * still_there:
        graph = graph_class(
            ndim=width, metric="cos", dtype="i8", connectivity=_CONNECTIONS, expansion_add=_WHEN_ADDING,
            expansion_search=_WHEN_SEARCHING,
        )  # fmt: skip
    return graph


def add_to_graph(graph: Any, batch: Vectors) -> None:
    """Add vectors under the numbers of their entries."""
    first = max(0, _ALONE - len(graph))
    if first and len(batch.ids):
        graph.add(batch.ids[:first], batch.vectors[:first], threads=1)
    if len(batch.ids) > first:
        graph.add(batch.ids[first:], batch.vectors[first:])


def save_graph(graph: Any, folder: Path) -> None:
    """Put a graph into a folder. Raises OutputError."""
    try:
        graph.save(str(folder / _FILE))
    except RuntimeError as problem:
        raise OutputError(f"the index {folder} cannot be written ({problem}); free some space") from None


def _restored(folder: Path, mapped: bool) -> Any:
    graph_class, path = _usearch(), folder / _FILE
    if graph_class is not None and path.is_file():
        with contextlib.suppress(RuntimeError, ValueError):
            return graph_class.restore(str(path), view=mapped)
    return None


def _usearch() -> Any:
    """The class of graphs, None where the package is not installed."""
    try:
        from usearch.index import Index
    except ImportError:
        return None
    return Index
