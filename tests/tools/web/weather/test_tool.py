"""The weather tool against a server that replays written exchanges; the clock stands still."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

import pytest

from stepwave.facts.errors import ToolError
from stepwave.prepare.tool_dialogues.made_up import weather as made_up_weather
from stepwave.text.standard_tools import WEATHER
from stepwave.tools.web.fetching import Limits
from stepwave.tools.web.weather.forecast import CONDITIONS
from stepwave.tools.web.weather.service import Service
from stepwave.tools.web.weather.tool import weather

Ask = Callable[..., str]


def still(zone: tzinfo) -> datetime:
    return datetime(2026, 12, 2, 11, 50, tzinfo=UTC).astimezone(zone)


def tool(server: Any) -> Ask:
    service = Service(
        f"{server.address}/v1/forecast", f"{server.address}/v1/search", (server.place,), Limits(seconds=5)
    )
    return lambda *arguments: str(weather(service, still).run(*arguments))


@pytest.fixture
def ask(replay: Any) -> Ask:
    return tool(replay)


def test_it_is_the_tool_that_the_model_learnt() -> None:
    assert weather().schema is WEATHER


def test_the_weather_now_in_the_form_of_the_training_material(ask: Ask) -> None:
    told = json.loads(ask("oslo".title()))
    assert told == {
        "location": "Oslo, Norway",
        "day": "now",
        "condition": "light snow",
        "temperature_celsius": -4,
        "chance_of_precipitation_percent": 68,
        "wind_kmh": 12,
    }
    made_up = (made_up_weather("general", {"location": "Oslo"}, {}, f"scene {number}").result for number in range(20))
    assert list(told) == list(json.loads(next(result for result in made_up if result.startswith("{"))))


def test_a_day_and_a_night(ask: Ask) -> None:
    told = json.loads(ask("Oslo", "tomorrow"))
    assert (told["day"], told["condition"], told["temperature_celsius"]) == (
        "tomorrow (Thursday 3 December)",
        "overcast",
        1,
    )
    told = json.loads(ask("Oslo", "tonight"))
    # From 20 to 6 o'clock: the coldest hour, the worst condition.
    assert list(told.values())[1:] == ["tonight (Wednesday 2 December)", "light snow", -6, 60, 7]


def test_several_days_have_a_line_each(ask: Ask) -> None:
    assert ask("Oslo", "this weekend").splitlines() == [
        "Oslo, Norway, Saturday 5 December: light rain, 4 °C, precipitation 84 %, wind 26 km/h.",
        "Oslo, Norway, Sunday 6 December: clear, 2 °C, wind 9 km/h.",
    ]


def test_an_ambiguous_place_is_the_most_populous_one_and_says_so(ask: Ask) -> None:
    told = json.loads(ask("Springfield", "today"))
    assert told["location"] == "Springfield, Missouri, United States (the largest of 5 places of that name)"
    assert told["condition"] == "thunderstorms"


@pytest.mark.parametrize("location", ["Paris, Texas", " paris ,  texas, USA".title(), "Paris Texas"])
def test_a_place_can_be_narrowed_down(ask: Ask, location: str) -> None:
    told = json.loads(ask(location))
    assert told["location"] == "Paris, Texas, United States"
    assert "chance_of_precipitation_percent" not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("Atlantis Minor",), "no place called 'Atlantis Minor' is known"),
        (("Paris, Ohio",), "no place called 'Paris, Ohio' is known"),
        ((" ",), "got 0 characters for a place"),
        (("x" * 101,), "got 101 characters for a place"),
        (("Oslo", "in spring"), "the day 'in spring' is not understood"),
        (("Oslo", "in 20 days"), "no forecast is possible for Tuesday 22 December"),
        (("Oslo", "Friday"), "127.0.0.1 refused or failed (status 400)"),
        (("Rome",), "127.0.0.1 refused or failed (status 404)"),
    ],
)
def test_what_cannot_be_told(ask: Ask, arguments: tuple[str, ...], told: str) -> None:
    with pytest.raises(ToolError) as raised:
        ask(*arguments)
    assert told in str(raised.value)


def test_today_is_that_of_the_place(serve: Callable[..., Any]) -> None:
    place = {"name": "Auckland", "latitude": -36.8, "longitude": 174.8, "timezone": "Pacific/Auckland"}
    server = serve(lambda asked: asked.answer(json.dumps({"results": [place]}).encode()))
    with pytest.raises(ToolError):
        tool(server)("Auckland", "today")
    assert "start_date=2026-12-03&end_date=2026-12-03" in server.asked[1].path


OSLO = {"name": "Oslo", "latitude": 59.9, "longitude": 10.7, "timezone": "Europe/Oslo", "country": "Norway"}
HOUR = {"weather_code": 0, "temperature_2m": 1.0, "precipitation_probability": 5, "wind_speed_10m": 2}


@pytest.mark.parametrize(
    ("places", "sky"),
    [
        ([], {}),
        ({"results": {}}, {}),
        ({"results": [1]}, {}),
        ({"results": [OSLO | {"latitude": None}]}, {}),
        ({"results": [OSLO | {"latitude": float("nan")}]}, {}),
        ({"results": [OSLO | {"timezone": "../../etc/passwd"}]}, {}),
        ({"results": [OSLO | {"timezone": "Mars/Olympus"}]}, {}),
        ({"results": [OSLO | {"timezone": 5}]}, {}),
        ({"results": [OSLO]}, []),
        ({"results": [OSLO]}, {"current": None}),
        ({"results": [OSLO]}, {"current": HOUR | {"weather_code": 42}}),
        ({"results": [OSLO]}, {"current": HOUR | {"weather_code": [0]}}),
        ({"results": [OSLO]}, {"current": HOUR | {"temperature_2m": None}}),
        ({"results": [OSLO]}, {"current": HOUR | {"wind_speed_10m": "5"}}),
        ({"results": [OSLO]}, {"current": HOUR | {"wind_speed_10m": float("inf")}}),
    ],
)
def test_a_service_that_tells_nonsense(serve: Callable[..., Any], places: Any, sky: Any) -> None:
    server = serve(lambda asked: asked.answer(json.dumps(places if "/search" in asked.path else sky).encode()))
    with pytest.raises(ToolError, match=r"the weather service gave an answer that cannot be read"):
        tool(server)("Oslo")


@pytest.mark.parametrize("daily", [{}, {"weather_code": [0]}, {name: [] for name in HOUR}, {name: 5 for name in HOUR}])
def test_a_forecast_that_lacks_days(serve: Callable[..., Any], daily: Any) -> None:
    answers = {"/v1/search": {"results": [OSLO]}, "/v1/forecast": {"daily": daily, "hourly": daily}}
    server = serve(lambda asked: asked.answer(json.dumps(answers[asked.path.split("?")[0]]).encode()))
    for day in ("tomorrow", "tomorrow morning"):
        with pytest.raises(ToolError, match="cannot be read"):
            tool(server)("Oslo", day)


def test_without_a_network_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: object, **__: object) -> None:
        raise OSError("Temporary failure in name resolution")

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    with pytest.raises(ToolError) as raised:
        weather().run("Oslo")
    assert str(raised.value) == "could not reach geocoding-api.open-meteo.com"


def test_every_code_of_the_service_has_words_and_training_knows_most() -> None:
    # The codes that Open-Meteo documents.
    codes = [0, 1, 2, 3, 45, 48, 51, 53, 55, 56, 57, 61, 63, 65, 66, 67, 71, 73, 75, 77, 80, 81, 82, 85, 86, 95, 96, 99]
    assert list(CONDITIONS) == codes
    learnt = {"clear", "partly cloudy", "overcast", "light rain", "heavy rain", "thunderstorms", "snow", "fog"}
    assert learnt <= set(CONDITIONS.values())
