"""The tool that tells date and time, here or elsewhere (`text.standard_tools` has its schema).

Places are those of the IANA time zone database: names of zones, and the cities and countries that its names end in.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from stepwave.facts.errors import ToolError
from stepwave.text.standard_tools import DATE_TIME
from stepwave.tools.contract import Tool
from stepwave.tools.place_names import plain

_NO_CITIES: Final = ("Etc", "US", "Canada", "Brazil", "Chile", "Mexico", "SystemV")
"""Areas whose names end in no city. `Etc/GMT+1` lies west of Greenwich, so that taking it for GMT+1 would be wrong."""

_MORE_CITIES: Final = {
    "Asia/Shanghai": ("Beijing", "Guangzhou", "Shenzhen"),
    "Asia/Kolkata": ("Mumbai", "Delhi", "New Delhi", "Bangalore"),
    "Asia/Tokyo": ("Osaka", "Kyoto"),
    "Africa/Johannesburg": ("Cape Town",),
    "America/New_York": ("Boston", "Washington", "Miami", "Philadelphia", "Atlanta"),
    "America/Chicago": ("Houston", "Dallas"),
    "America/Los_Angeles": ("San Francisco", "Seattle", "San Diego", "Las Vegas"),
    "America/Sao_Paulo": ("Rio de Janeiro",),
    "Europe/Berlin": ("Munich", "Hamburg", "Frankfurt", "Cologne"),
    "Europe/Madrid": ("Barcelona",),
    "Europe/Rome": ("Milan", "Naples", "Venice"),
    "Europe/Zurich": ("Geneva",),
}
"""Large cities that give no zone its name."""


def clock(now: Callable[[tzinfo | None], datetime] = datetime.now) -> Tool:
    """The tool. `now` gives the moment in a zone, or in this computer's for None; tests give one that stands still."""

    def date_time(time_zone: str | None = None) -> str:
        key = find_zone(time_zone) if time_zone and time_zone.strip() else None
        moment = now(ZoneInfo(key)) if key else now(None).astimezone()
        # In the form that training shows (`prepare.tool_dialogues`).
        told = {"date": f"{moment:%Y-%m-%d}", "weekday": _WEEKDAYS[moment.weekday()], "time": f"{moment:%H:%M}"}
        return json.dumps({**told, "time_zone": key} if key else told, ensure_ascii=False)

    return Tool(DATE_TIME, date_time, harmless=True)


_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Not strftime's, which speak the language that the computer is set to.


def find_zone(place: str) -> str:
    """The IANA name for a zone's name or a city ("tokyo", "São Paulo", "Paris, France").

    Raises ToolError with names that are near for a place that is not known.
    """
    for words in (place, place.split(",")[0]):
        if key := _zones().get(plain(words)):
            return key
    near = difflib.get_close_matches(plain(place), _zones(), n=3, cutoff=0.7)
    names = list(dict.fromkeys(_zones()[name] for name in near))
    hint = f"; near are {', '.join(names)}" if names else ""
    raise ToolError(
        f"no time zone is known for {place[:60]!r}{hint}; wanted a large city or an IANA time zone such as Europe/Paris"
    )


@cache
def _zones() -> dict[str, str]:
    """IANA names by plain names of zones and cities; a zone's own name goes before a city's."""
    keys = sorted(key for key in available_timezones() if not key.startswith(("posix", "right")) and key != "localtime")
    # A city that several names end in has the shortest of them: America/Louisville before America/Kentucky/Louisville.
    cities = sorted((key for key in keys if key.split("/")[0] not in _NO_CITIES), key=len, reverse=True)
    more = {plain(city): key for key, names in _MORE_CITIES.items() for city in names}
    return more | {plain(key.split("/")[-1]): key for key in cities} | {plain(key): key for key in keys}
