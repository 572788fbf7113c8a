"""The tool that searches (`text.standard_tools` has its schema)."""

from __future__ import annotations

from typing import Final

from stepwave.facts.errors import ToolError
from stepwave.text.standard_tools import WEB_SEARCH
from stepwave.tools.contract import Tool
from stepwave.tools.web.search.engine import SearchEngine
from stepwave.tools.web.search.telling import tell_hits

HITS: Final = 3
"""Few, so that each has room for an answer; a spoken answer draws on one or two."""
LONGEST_QUERY: Final = 300


def web_search(engine: SearchEngine) -> Tool:
    """The tool, which searches by `engine`."""

    def search(query: str) -> str:
        words = " ".join(query.split())
        if not words or len(words) > LONGEST_QUERY:
            raise ToolError(f"got {len(words)} characters to search for; wanted 1 to {LONGEST_QUERY}")
        return tell_hits(engine.search(words, HITS)) or "Nothing was found."

    return Tool(WEB_SEARCH, search, untrusted=True)
