"""Which search engine is used, from one line of words: `index:FILE`, `searxng:ADDRESS` or `ddgs`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stepwave.facts.errors import ConfigError
from stepwave.tools.web.search.engine import SearchEngine

VARIABLE: Final = "STEPWAVE_SEARCH"
"""The environment variable that holds the choice."""
CHOICES: Final = "index:FILE, searxng:http://HOST:PORT or ddgs"


def open_engine(choice: str) -> SearchEngine:
    """The engine that `choice` names.

    Raises ConfigError where it names none, or one that cannot work, MissingExtraError where its package is missing.
    """
    kind, _, place = choice.strip().partition(":")
    if kind == "index" and place:
        from stepwave.tools.web.search.index import IndexEngine

        return IndexEngine(Path(place).expanduser())
    if kind == "searxng" and place:
        from stepwave.tools.web.search.searxng import Searxng

        return Searxng(place)
    if kind == "ddgs" and not place:
        from stepwave.tools.web.search.metasearch import Metasearch

        return Metasearch()
    raise ConfigError(f"got the search engine {choice!r}; wanted {CHOICES}")
