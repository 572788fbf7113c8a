"""Results of tools whose answers follow from numbers: the weather, the clock, sums. All of it is drawn, none is true.

Each function takes what was asked and gives what the answer templates of the grammar are filled with. Tools whose
results are plain templates need no function; `tool_grammar` fills those.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Final

from stepwave.prepare.tool_dialogues.numbers_said import (
    MONTHS,
    WEEKDAYS,
    date_said,
    number_said,
    time_said,
    year_said,
)


@dataclass(frozen=True)
class MadeUp:
    """What a tool gave, and what can be said of it."""

    result: str
    """Content of the `input` turn; empty where the grammar has templates for it."""
    case: str = "any"
    """Which of the kind's answers fit."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """What the answers are filled with, in words."""


Maker = Callable[[str, Mapping[str, Any], Mapping[str, str], str], MadeUp]
"""From the kind of question, the arguments of the call, the slots as meant, and the script, which decides the facts."""

_CONDITIONS: Final[Mapping[str, tuple[str, int, int, int, int]]] = {
    # Written: said, lowest and highest temperature, lowest and highest chance of rain or snow in percent.
    "clear": ("sunny", -6, 33, 0, 10),
    "partly cloudy": ("partly cloudy", -4, 28, 5, 25),
    "overcast": ("cloudy", -4, 24, 10, 35),
    "light rain": ("a bit rainy", 3, 22, 60, 85),
    "heavy rain": ("very rainy", 4, 24, 80, 99),
    "thunderstorms": ("stormy", 14, 30, 70, 95),
    "snow": ("snowy", -12, 1, 65, 95),
    "fog": ("foggy", -2, 14, 5, 20),
}
_WET: Final = ("light rain", "heavy rain", "thunderstorms", "snow")
_FINE: Final = ("clear", "partly cloudy")
COLD_BELOW: Final = 10
WARM_FROM: Final = 20
WINDY_FROM: Final = 30
NIGHT_FROM: Final = 22
NIGHT_UNTIL: Final = 7
"""Degrees Celsius, kilometers an hour, hours: where answers change."""


def weather(kind: str, arguments: Mapping[str, Any], slots: Mapping[str, str], scene: str) -> MadeUp:
    """A forecast, the same for a place and day in one script; the answer says yes or no by what it holds."""
    place, day = arguments["location"], arguments.get("day")
    random = Random(f"weather {scene} {place} {day}")
    condition = random.choice(list(_CONDITIONS))
    said, lowest, highest, least, most = _CONDITIONS[condition]
    degrees, chance = random.randint(lowest, highest), random.randint(least, most)
    wind = random.randint(25, 70) if condition == "thunderstorms" else random.randint(3, 50)
    wet = condition in _WET
    cases = {
        "rain": "wet" if wet else "dry",
        "temperature": "cold" if degrees < COLD_BELOW else "warm" if degrees >= WARM_FROM else "mild",
        "wind": "windy" if wind >= WINDY_FROM else "calm",
        "outdoors": "good" if condition in _FINE and degrees >= COLD_BELOW else "bad",
        "snow": "snowy" if condition == "snow" else "none",
    }
    fields = {
        "place": place,
        "when": _when(day),
        "it_is": "it will be" if day else "it is",
        "condition": said,
        "temperature": f"{number_said(degrees)} degree{'' if abs(degrees) == 1 else 's'}",
        "chance": number_said(chance),
        "falling": "snow" if condition == "snow" else "rain",
        "wind": number_said(wind),
    }
    written = {
        "location": place,
        "day": day or "now",
        "condition": condition,
        "temperature_celsius": degrees,
        "chance_of_precipitation_percent": chance,
        "wind_kmh": wind,
    }
    prose = f"{place}, {day or 'now'}: {condition}, {degrees} °C, precipitation {chance} %, wind {wind} km/h."
    return MadeUp(random.choice([json.dumps(written), prose]), cases.get(kind, "any"), fields)


def date_time(kind: str, arguments: Mapping[str, Any], slots: Mapping[str, str], scene: str) -> MadeUp:
    """A moment between 2020 and 2035, one for a script, where the user or another place is; no summer time."""
    random = Random(f"time {scene}")
    moment = datetime(2020, 1, 1) + timedelta(minutes=random.randrange(16 * 365 * 24 * 60))
    here = random.choice(list(UTC_HOURS.values()))
    place = arguments.get("time_zone")
    moment += timedelta(hours=UTC_HOURS[place] if place else here)
    today, hour, minute = moment.date(), moment.hour, moment.minute
    fields = {
        "time": time_said(hour, minute),
        "in_place": f" in {place}" if place else "",
        "weekday": WEEKDAYS[today.weekday()],
        "date": date_said(today),
        "month": MONTHS[today.month - 1],
        "year": year_said(today.year),
    }
    case = "any"
    if kind == "asleep":
        case = "night" if hour >= NIGHT_FROM or hour < NIGHT_UNTIL else "day"
    elif kind == "deadline":
        case = "early" if hour < int(slots["hour"]) else "late"
    elif kind == "countdown":
        days = _days_until(today, slots["festival"])
        case = {0: "now", 1: "one"}.get(days, "any")
        fields["days"] = number_said(days)
    written = {"date": today.isoformat(), "weekday": fields["weekday"], "time": f"{hour:02d}:{minute:02d}"}
    written |= {"time_zone": place} if place else {}
    prose = f"{fields['weekday']}, {today.isoformat()}, {hour:02d}:{minute:02d}{fields['in_place']}"
    return MadeUp(random.choice([json.dumps(written), prose]), case, fields)


def calculate(kind: str, arguments: Mapping[str, Any], slots: Mapping[str, str], scene: str) -> MadeUp:
    """The one result here that is true."""
    first, sign, second = arguments["expression"].split()
    total = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__}[sign](int(first), int(second))
    return MadeUp("", "any", {"total": str(total), "total_said": number_said(total)})


UTC_HOURS: Final[Mapping[str, float]] = {
    "Tokyo": 9, "New York": -5, "London": 0, "Sydney": 10, "Paris": 1, "Los Angeles": -8, "Chicago": -6, "Toronto": -5,
    "Vancouver": -8, "Mexico City": -6, "Sao Paulo": -3, "Buenos Aires": -3, "Lima": -5, "Cape Town": 2, "Lagos": 1,
    "Nairobi": 3, "Cairo": 2, "Istanbul": 3, "Moscow": 3, "Dubai": 4, "Karachi": 5, "Mumbai": 5.5, "Dhaka": 6,
    "Bangkok": 7, "Singapore": 8, "Jakarta": 7, "Hong Kong": 8, "Shanghai": 8, "Beijing": 8, "Seoul": 9, "Manila": 8,
    "Perth": 8, "Melbourne": 10, "Auckland": 12, "Honolulu": -10, "Anchorage": -9, "Denver": -7, "Lisbon": 0,
    "Madrid": 1, "Rome": 1, "Berlin": 1, "Athens": 2, "Helsinki": 2, "Stockholm": 1, "Reykjavik": 0,
}  # fmt: skip
"""Hours ahead of UTC in standard time, for each place of date_time.toml."""

MAKERS: Final[Mapping[str, Maker]] = {"weather": weather, "date_time": date_time, "calculate": calculate}
"""By the tool's own name."""


def _when(day: str | None) -> str:
    if day is None:
        return "right now"
    return f"on {day}" if day in WEEKDAYS else day


def _days_until(today: date, festival: str) -> int:
    month, day = map(int, festival.split("-"))
    this_year = date(today.year, month, day)
    return ((this_year if this_year >= today else date(today.year + 1, month, day)) - today).days
