"""What a search engine is to the tool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Hit:
    """Something found. All of it is text from elsewhere, as it came; `telling` makes it fit to be told."""

    title: str
    address: str
    """Where the whole of it is: a web address, or a file's path within its folder."""
    excerpt: str
    """What it says about the query."""
    source: str
    """Who says so: a host, or a file."""


class SearchEngine(Protocol):
    """Finds documents."""

    def search(self, query: str, count: int) -> Sequence[Hit]:
        """At most `count` hits, the best first; none where nothing fits. Raises ToolError where it cannot search."""
        ...
