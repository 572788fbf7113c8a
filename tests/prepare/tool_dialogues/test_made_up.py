"""Results that answers follow from: what is said agrees with what the tool gave."""

import json
import re
from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

import pytest

from stepwave.prepare.tool_dialogues.made_up import UTC_HOURS, calculate, date_time, weather
from stepwave.prepare.tool_dialogues.numbers_said import number_said, time_said
from stepwave.prepare.tool_dialogues.tool_grammar import Asked, Scene, own_tool
from stepwave.text.standard_tools import STANDARD_TOOLS


def asked(tool: str, count: int = 400) -> Iterator[Asked]:
    grammar = own_tool(STANDARD_TOOLS[tool], tool)
    for number in range(count):
        yield grammar.ask(Random(number), "explicit" if number % 2 else "implicit", Scene(f"script {number}", 0))


def in_json(exchanges: Iterator[Asked]) -> list[tuple[Asked, dict[str, Any]]]:
    return [(each, json.loads(each.result)) for each in exchanges if each.result.startswith("{")]


def test_the_weather_is_told_as_the_forecast_says() -> None:
    pairs = in_json(asked("weather"))
    assert len(pairs) > 100
    for exchange, result in pairs:
        answer = exchange.answer.lower()
        assert result["location"] == exchange.call.arguments["location"]
        assert result["location"].lower() in answer
        assert result["day"] in ("now", exchange.call.arguments.get("day"))
        if "degree" in answer:
            degrees = f" {number_said(result['temperature_celsius'])} degree"
            assert re.search(r"(with|at|have|only|it is)" + degrees, answer)
        for found in re.findall(r"at (?:only )?([a-z ]+) kilometers", answer):
            assert found == number_said(result["wind_kmh"])
        wet = result["condition"] in ("light rain", "heavy rain", "thunderstorms", "snow")
        if "raincoat" in exchange.text or "umbrella" in exchange.text:
            assert wet == answer.startswith(("yes", "it looks wet"))


def test_the_clock_is_read_as_it_stands() -> None:
    pairs = in_json(asked("date_time"))
    assert len(pairs) > 100
    checked = 0
    for exchange, result in pairs:
        hour, minute = map(int, result["time"].split(":"))
        day = date.fromisoformat(result["date"])
        assert result["weekday"] == day.strftime("%A")
        assert result.get("time_zone") == exchange.call.arguments.get("time_zone")
        if (
            re.search(r"\b(past|to|noon|midnight|at night|in the \w+)\b", exchange.answer)
            and "days" not in exchange.answer
        ):
            checked += 1
            assert time_said(hour, minute) in exchange.answer.replace("It's ", "it's ")
    assert checked > 50


def test_days_until_a_festival_are_counted() -> None:
    for number in range(50):
        made = date_time("countdown", {}, {"festival": "12-25"}, str(number))
        day = date.fromisoformat(re.findall(r"\d{4}-\d\d-\d\d", made.result)[0])
        christmas = date(day.year + (day > date(day.year, 12, 25)), 12, 25)
        assert made.fields["days"] == number_said((christmas - day).days)
        assert made.case == {0: "now", 1: "one"}.get((christmas - day).days, "any")


@pytest.mark.parametrize("number", range(40))
def test_a_deadline_has_passed_when_the_clock_is_past_it(number: int) -> None:
    made = date_time("deadline", {}, {"hour": "15"}, str(number))
    hour = int(re.findall(r"(\d\d):\d\d", made.result)[0])
    assert made.case == ("early" if hour < 15 else "late")


def test_places_are_asked_about_in_one_moment() -> None:
    tokyo = date_time("time", {"time_zone": "Tokyo"}, {}, "a script")
    paris = date_time("time", {"time_zone": "Paris"}, {}, "a script")
    hours = [int(re.findall(r"(\d\d):\d\d", made.result)[0]) for made in (tokyo, paris)]
    assert (hours[0] - hours[1]) % 24 == 8
    assert {value.said for value in own_tool(STANDARD_TOOLS["date_time"], "date_time").columns["place"]} == set(
        UTC_HOURS
    )


def test_the_forecast_for_a_place_stays_within_a_script() -> None:
    arguments = {"location": "Oslo", "day": "tomorrow"}
    assert weather("rain", arguments, {}, "one").fields == weather("wind", arguments, {}, "one").fields
    assert any(weather("rain", arguments, {}, str(n)) != weather("rain", arguments, {}, "one") for n in range(5))


def test_a_search_is_answered_from_its_result() -> None:
    """Every name in an answer that was not asked for, and every number, stands in the result."""
    numbers = {number_said(number): str(number) for number in range(1, 100)}
    checked = 0
    for exchange in asked("web_search"):
        assert exchange.call.arguments["query"].lower() not in ("", "none")
        for name in re.findall(r"(?<=[a-z,] )[A-Z][a-z]+?(?=s?\b)", exchange.answer):
            if name not in exchange.text and name != "I":
                checked += 1
                assert name in exchange.result
        for said in re.findall(r"\b([a-z]+(?: [a-z]+)?) (?:to|minutes|hours)\b", exchange.answer.lower()):
            if said in numbers and "o'clock" not in said:
                checked += 1
                assert numbers[said] in exchange.result
    assert checked > 100


def test_sums_are_right() -> None:
    made = calculate("sum", {"expression": "47 * 13"}, {}, "a script")
    assert made.fields == {"total": "611", "total_said": "six hundred eleven"}
    assert calculate("sum", {"expression": "56 - 81"}, {}, "").fields["total_said"] == "minus twenty five"
