"""The clock, with a time that stands still."""

import json
from datetime import UTC, datetime, tzinfo

import pytest

from stepwave.facts.errors import ToolError
from stepwave.text.standard_tools import DATE_TIME
from stepwave.tools.clock import clock, find_zone


def still(zone: tzinfo | None) -> datetime:
    return datetime(2026, 7, 31, 22, 5, tzinfo=UTC).astimezone(zone or UTC)


def test_it_is_the_tool_that_the_model_learnt() -> None:
    assert clock().schema is DATE_TIME


def test_it_tells_the_time_elsewhere_with_summer_time() -> None:
    run = clock(still).run
    assert json.loads(str(run(time_zone="tokyo"))) == {
        "date": "2026-08-01",
        "weekday": "Saturday",
        "time": "07:05",
        "time_zone": "Asia/Tokyo",
    }
    assert json.loads(str(run(time_zone="London")))["time"] == "23:05"


def test_it_tells_the_time_here() -> None:
    told = json.loads(str(clock(still).run()))
    assert told.keys() == {"date", "weekday", "time"}
    assert json.loads(str(clock(still).run(time_zone=" "))) == told
    assert abs(datetime.fromisoformat(json.loads(str(clock().run()))["date"]) - datetime.now()).days <= 1


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        ("Europe/Paris", "Europe/Paris"),
        ("america/new_york", "America/New_York"),
        ("New York", "America/New_York"),
        ("São Paulo", "America/Sao_Paulo"),
        ("Paris, France", "Europe/Paris"),
        ("UTC", "UTC"),
        ("Beijing", "Asia/Shanghai"),
        ("louisville", "America/Louisville"),
        ("Etc/GMT+1", "Etc/GMT+1"),
    ],
)
def test_places_are_found(place: str, zone: str) -> None:
    assert find_zone(place) == zone


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("Tokio", "near are Asia/Tokyo"),
        ("Atlantis Minor", "wanted a large city or an IANA time zone"),
        ("../../etc/passwd", "no time zone is known"),
        ("GMT+1", "no time zone is known"),
    ],
)
def test_an_unknown_place_is_told(place: str, told: str) -> None:
    with pytest.raises(ToolError, match=told):
        find_zone(place)
