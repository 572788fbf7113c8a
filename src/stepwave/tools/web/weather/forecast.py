"""The weather of a place, now or on a day, from Open-Meteo's forecast interface. Metric units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stepwave.facts.errors import ToolError
from stepwave.tools.web.weather.days import PARTS, When
from stepwave.tools.web.weather.places import Place
from stepwave.tools.web.weather.service import Service

_VALUES: Final = ("weather_code", "temperature_2m", "precipitation_probability", "wind_speed_10m")
_OF_A_DAY: Final = ("weather_code", "temperature_2m_max", "precipitation_probability_max", "wind_speed_10m_max")
CONDITIONS: Final = {
    0: "clear", 1: "mostly clear", 2: "partly cloudy", 3: "overcast", 45: "fog", 48: "freezing fog",
    51: "light drizzle", 53: "drizzle", 55: "heavy drizzle", 56: "light freezing drizzle", 57: "freezing drizzle",
    61: "light rain", 63: "rain", 65: "heavy rain", 66: "light freezing rain", 67: "freezing rain",
    71: "light snow", 73: "snow", 75: "heavy snow", 77: "snow grains",
    80: "light rain showers", 81: "rain showers", 82: "heavy rain showers",
    85: "snow showers", 86: "heavy snow showers",
    95: "thunderstorms", 96: "thunderstorms with hail", 99: "thunderstorms with heavy hail",
}  # fmt: skip
"""Words for the WMO codes that the service uses. Where our training material has a word for one, it is this one."""


@dataclass(frozen=True)
class Weather:
    """The weather at a time."""

    condition: str
    celsius: int
    chance: int | None
    """Of rain or snow, in percent; None where the service has no figure."""
    wind: int
    """Kilometers an hour."""


def weather_now(place: Place, service: Service) -> Weather:
    """The weather at this moment. Raises ToolError."""
    current = _section(place, service, "current", {"current": ",".join(_VALUES)})
    return _weather(*(current.get(name) for name in _VALUES))


def weather_on(place: Place, when: When, service: Service) -> list[Weather]:
    """The forecast for each day, or for a part of one; the highest figures and the worst condition of that time.

    At night the temperature is the lowest. Raises ToolError.
    """
    span = {"start_date": when.first.isoformat(), "end_date": when.last.isoformat()}
    if when.part is None:
        daily = _section(place, service, "daily", {"daily": ",".join(_OF_A_DAY), **span})
        columns = [_column(daily, name) for name in _OF_A_DAY]
        if {len(column) for column in columns} != {(when.last - when.first).days + 1}:
            raise _unreadable()
        return [_weather(*day) for day in zip(*columns, strict=True)]
    hourly = _section(place, service, "hourly", {"hourly": ",".join(_VALUES), **span})
    hours = slice(*PARTS[when.part])
    codes, degrees, chances, winds = (
        [value for value in _column(hourly, name)[hours] if value is not None] for name in _VALUES
    )
    if not codes or not degrees or not winds:
        raise _unreadable()
    lowest_or_highest = min if when.part == "night" else max
    return [_weather(max(codes), lowest_or_highest(degrees), max(chances, default=None), max(winds))]


def _section(place: Place, service: Service, name: str, query: Mapping[str, str]) -> Mapping[str, Any]:
    """The part of the service's answer that was asked for."""
    where = {"latitude": f"{place.latitude:.4f}", "longitude": f"{place.longitude:.4f}", "timezone": place.zone}
    answer = service.ask(service.forecast, {**where, **query})
    section = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(section, dict):
        raise _unreadable()
    return section


def _column(section: Mapping[str, Any], name: str) -> Sequence[float | None]:
    """Numbers over time; None for what is not known."""
    values = section.get(name)
    if not isinstance(values, list) or not all(value is None or _is_number(value) for value in values):
        raise _unreadable()
    return values


def _weather(code: object, degrees: object, chance: object, wind: object) -> Weather:
    if not isinstance(code, (int, float)) or code not in CONDITIONS or not (_is_number(degrees) and _is_number(wind)):
        raise _unreadable()
    told = round(float(str(chance))) if _is_number(chance) else None
    return Weather(CONDITIONS[int(code)], round(float(str(degrees))), told, round(float(str(wind))))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _unreadable() -> ToolError:
    return ToolError("the weather service gave an answer that cannot be read")
