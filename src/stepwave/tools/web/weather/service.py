"""Where the weather comes from: the JSON interface of Open-Meteo (open-meteo.com/en/docs), or of a server like it.

Its own Python client speaks FlatBuffers and brings a session that connects wherever it is sent. One day of one place is
no data set, and the search for places answers in JSON only, so two guarded requests are both simpler and safer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stepwave.tools.web.fetching import Limits, fetch_json


@dataclass(frozen=True)
class Service:
    """A server that answers as Open-Meteo does."""

    forecast: str = "https://api.open-meteo.com/v1/forecast"
    geocoding: str = "https://geocoding-api.open-meteo.com/v1/search"
    allow: tuple[str, ...] = ()
    """Entries `host:port` for a server of one's own that is not public or speaks http."""
    limits: Limits = field(default_factory=lambda: Limits(seconds=3.0, size=200_000))
    """Of each request; there are up to three, and a `ToolRunner` waits 10 s for all."""

    def ask(self, address: str, query: Mapping[str, str]) -> Any:
        """The JSON value that it answers with. Raises ToolError."""
        return fetch_json(address, query, allow=self.allow, limits=self.limits)


OPEN_METEO: Final = Service()
