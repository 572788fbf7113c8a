"""The tool that tells the weather, as it is now or as it is forecast (`text.standard_tools` has its schema)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from stepwave.facts.errors import ToolError
from stepwave.text.standard_tools import WEATHER
from stepwave.tools.contract import Tool
from stepwave.tools.web.weather.days import date_told, read_day
from stepwave.tools.web.weather.forecast import Weather, weather_now, weather_on
from stepwave.tools.web.weather.places import find_place
from stepwave.tools.web.weather.service import OPEN_METEO, Service


def weather(service: Service = OPEN_METEO, now: Callable[[tzinfo], datetime] = datetime.now) -> Tool:
    """The tool. `now` gives the moment in a time zone; tests give one that stands still."""

    def tell(location: str, day: str = "") -> str:
        place = find_place(location, service)
        try:
            today = now(ZoneInfo(place.zone)).date()
        except (LookupError, ValueError, OSError):  # what ZoneInfo raises for a name it does not know, or that is none
            raise ToolError("the weather service gave an answer that cannot be read") from None
        when = read_day(day, today)
        if when is None:
            return _record(place.told, "now", weather_now(place, service))
        days = weather_on(place, when, service)
        if len(days) == 1:
            return _record(place.told, f"{day.strip()} ({date_told(when.first)})", days[0])
        dates = [when.first + timedelta(days=number) for number in range(len(days))]
        return "\n".join(_line(place.told, date_told(date), one) for date, one in zip(dates, days, strict=True))

    return Tool(WEATHER, tell)


# The two forms that training shows (`prepare.tool_dialogues.made_up`): the record, and a line, of which several days
# have one each.
def _record(place: str, day: str, told: Weather) -> str:
    record = {
        "location": place,
        "day": day,
        "condition": told.condition,
        "temperature_celsius": told.celsius,
        "chance_of_precipitation_percent": told.chance,
        "wind_kmh": told.wind,
    }
    return json.dumps({key: value for key, value in record.items() if value is not None}, ensure_ascii=False)


def _line(place: str, day: str, told: Weather) -> str:
    chance = "" if told.chance is None else f" precipitation {told.chance} %,"
    return f"{place}, {day}: {told.condition}, {told.celsius} °C,{chance} wind {told.wind} km/h."
