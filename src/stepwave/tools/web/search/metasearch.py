"""Public search engines by the package `ddgs`, without a server or a key.

It reads the engines' result pages with an HTTP client of its own that passes itself off as a browser. None of our
guards apply: where it connects, what it reads and the proxy it takes from `DDGS_PROXY` are its own affair, and engines
may forbid or block it. So it is used only by those who choose it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from stepwave.facts.errors import MissingExtraError, ToolError
from stepwave.tools.web.search.engine import Hit
from stepwave.tools.web.search.searxng import host_of

SECONDS = 8
"""For each engine that is asked; a `ToolRunner` waits 10 s for all."""


class Metasearch:
    """Searches by `ddgs`. Raises MissingExtraError where the package is not installed."""

    def __init__(self) -> None:
        if find_spec("ddgs") is None:
            raise MissingExtraError("metasearch", "ddgs")

    def search(self, query: str, count: int) -> Sequence[Hit]:
        """As `SearchEngine.search`."""
        from ddgs import DDGS
        from ddgs.exceptions import DDGSException

        try:
            with DDGS(timeout=SECONDS) as engines:
                results = engines.text(query, max_results=count)
        except DDGSException as error:
            # The only sign of an empty result.
            if "No results found" in str(error):
                return []
            raise ToolError("the search engines could not be reached, or refused to answer") from error
        told = [{key: str(result.get(key, "")) for key in ("title", "href", "body")} for result in results]
        return [Hit(one["title"], one["href"], one["body"], host_of(one["href"])) for one in told if one["body"]]
