"""The four tools of the paper (Step-Audio 2, section 3.1) as the model is told about them. Facts only.

What they do is the business of `tools`; dialogues that call them are made in `prepare.tool_dialogues`. The paper names
the tools but publishes no schemas; the benchmark StepEval-Audio-Toolcall shows names and arguments (reference facts
9.2): `timbre_rag` {`query`}, `get_date_time` {}, `get_weather` {`location`}, `web_search` {`query`}. Departures: plain
names, an optional time zone, an optional day.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from stepwave.text.schemas import ToolSchema


def _parameters(required: tuple[str, ...] = (), **properties: str) -> dict[str, Any]:
    """A JSON schema of text arguments, by name and description."""
    described = {name: {"type": "string", "description": text} for name, text in properties.items()}
    return {"type": "object", "properties": described, "required": list(required), "additionalProperties": False}


AUDIO_SEARCH: Final = ToolSchema(
    "audio_search",
    "Searches a library of recorded voices and goes on speaking in the voice or the speaking style that fits best.",
    _parameters(("query",), query="The voice or speaking style that is wanted, in words"),
)
DATE_TIME: Final = ToolSchema(
    "date_time",
    "Tells the current date, day of the week and time.",
    _parameters(time_zone="A city or an IANA time zone whose time is wanted; without it, that of the user"),
)
WEATHER: Final = ToolSchema(
    "weather",
    "Tells the current weather or the forecast for a place.",
    _parameters(
        ("location",),
        location="City or region",
        day="Day of the forecast in words, such as tomorrow or Friday; without it, the weather now",
    ),
)
WEB_SEARCH: Final = ToolSchema(
    "web_search",
    "Searches the web for news, prices, results, opening hours and whatever else changes or is not widely known.",
    _parameters(("query",), query="What to search for"),
)
STANDARD_TOOLS: Final[Mapping[str, ToolSchema]] = MappingProxyType(
    {tool.name: tool for tool in (AUDIO_SEARCH, DATE_TIME, WEATHER, WEB_SEARCH)}
)
"""By name."""
BENCHMARK_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "audio_search": "timbre_rag",
        "date_time": "get_date_time",
        "weather": "get_weather",
        "web_search": "web_search",
    }
)
"""What StepEval-Audio-Toolcall calls them."""
