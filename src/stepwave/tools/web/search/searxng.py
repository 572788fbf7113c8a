"""A SearXNG server of one's own: searches many engines, without a key. Its settings must allow the format `json`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from stepwave.facts.errors import ConfigError, MissingExtraError, ToolError
from stepwave.tools.web.fetching import Limits, StatusError, fetch_json, has_httpx
from stepwave.tools.web.search.engine import Hit


class Searxng:
    """Searches by a SearXNG server.

    Args:
        address: the server's, such as http://127.0.0.1:8888. Whoever gives it allows it, so it may be a private one.
        limits: bounds of a request.

    Raises ConfigError for what is no such address, MissingExtraError without httpx.
    """

    def __init__(self, address: str, limits: Limits | None = None) -> None:
        if not has_httpx():
            raise MissingExtraError("tools", "httpx")
        try:
            parts = urlsplit(address)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            parts, port = urlsplit(""), 0
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or "@" in parts.netloc
            or parts.query
            or parts.fragment
        ):
            raise ConfigError(f"got the SearXNG address {address!r}; wanted one such as http://127.0.0.1:8888")
        self._address = f"{address.rstrip('/')}/search"
        self._allow = (f"{parts.hostname}:{port}",)
        self._limits = limits or Limits()

    def search(self, query: str, count: int) -> Sequence[Hit]:
        """As `SearchEngine.search`."""
        try:
            asked = {"q": query, "format": "json"}
            answer = fetch_json(self._address, asked, allow=self._allow, limits=self._limits)
        except StatusError as error:
            if error.status == 403:
                raise ToolError(
                    "the search service refuses to answer; its settings must allow the format json"
                ) from error
            raise
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list):
            raise ToolError("the search service gave an answer that cannot be read")
        hits = [hit for result in results if (hit := _hit(result))]
        return hits[:count]


def _hit(result: object) -> Hit | None:
    """A result; None for one that says nothing, such as a picture."""
    if not isinstance(result, dict):
        return None
    title, address, excerpt = (result.get(key) for key in ("title", "url", "content"))
    if (
        not isinstance(title, str)
        or not isinstance(address, str)
        or not isinstance(excerpt, str)
        or not excerpt.strip()
    ):
        return None
    return Hit(title, address, excerpt, host_of(address))


def host_of(address: str) -> str:
    """The host of a web address, "" where there is none to be read."""
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
