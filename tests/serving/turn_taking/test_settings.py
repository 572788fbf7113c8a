"""What clients ask for by `turn_detection`: read, reported back, and refused by the field's name."""

from typing import Any

import pytest

from stepwave.facts.errors import ConfigError, ProtocolError
from stepwave.serving.errors import ApiError
from stepwave.serving.turn_taking.settings import TurnSettings

PATH = "session.audio.input.turn_detection"


def read(value: object) -> TurnSettings:
    settings = TurnSettings.from_protocol(value)
    assert settings is not None
    return settings


def test_server_vad_has_openais_defaults() -> None:
    assert read({"type": "server_vad"}) == TurnSettings()
    assert read({"type": "server_vad"}).to_protocol() == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }


@pytest.mark.parametrize(
    "value",
    [
        {
            "type": "server_vad",
            "threshold": 0.7,
            "prefix_padding_ms": 0,
            "silence_duration_ms": 1500,
            "idle_timeout_ms": 6000,
            "create_response": False,
            "interrupt_response": False,
        },
        {"type": "semantic_vad", "eagerness": "low", "create_response": True, "interrupt_response": False},
    ],
)
def test_what_was_asked_for_is_reported_back(value: dict[str, Any]) -> None:
    assert read(value).to_protocol() == value


def test_milliseconds_become_seconds() -> None:
    settings = read(
        {"type": "server_vad", "prefix_padding_ms": 120, "silence_duration_ms": 800, "idle_timeout_ms": 5000}
    )
    assert (settings.prefix_seconds, settings.silence_seconds, settings.idle_seconds) == (0.12, 0.8, 5.0)


def test_eagerness_is_a_length_of_silence() -> None:
    silence = {
        eagerness: read({"type": "semantic_vad", "eagerness": eagerness}).silence_seconds
        for eagerness in ("low", "medium", "high")
    }
    assert silence["low"] > silence["medium"] > silence["high"]
    auto = read({"type": "semantic_vad"})
    assert (auto.eagerness, auto.silence_seconds) == ("auto", silence["medium"])


def test_null_is_for_turns_marked_by_the_client() -> None:
    assert TurnSettings.from_protocol(None) is None


def test_a_field_that_is_null_counts_as_left_out() -> None:
    empty = dict.fromkeys(("threshold", "silence_duration_ms", "idle_timeout_ms", "create_response"))
    assert read({"type": "server_vad", **empty}) == TurnSettings()
    assert read({"type": "semantic_vad", "eagerness": None}).eagerness == "auto"


@pytest.mark.parametrize(
    ("value", "param", "message"),
    [
        ("server_vad", "", "wanted an object or null"),
        ([], "", "wanted an object or null"),
        ({}, ".type", "type is missing; wanted 'server_vad' or 'semantic_vad'"),
        ({"type": "magic"}, ".type", "is 'magic'; wanted"),
        ({"type": ["server_vad"]}, ".type", "wanted 'server_vad'"),
        ({"type": "server_vad", "threshold": 1.5}, ".threshold", "is 1.5; wanted a number from"),
        ({"type": "server_vad", "threshold": True}, ".threshold", "is True; wanted a number"),
        ({"type": "server_vad", "threshold": "0.5"}, ".threshold", "is '0.5'; wanted a number"),
        ({"type": "server_vad", "threshold": float("nan")}, ".threshold", "wanted a number"),
        ({"type": "server_vad", "silence_duration_ms": -1}, ".silence_duration_ms", "from 0 to 10000"),
        ({"type": "server_vad", "prefix_padding_ms": 10**400}, ".prefix_padding_ms", r"1000\d*\.\.\.; wanted"),
        ({"type": "server_vad", "idle_timeout_ms": 10}, ".idle_timeout_ms", "from 5000 to 30000"),
        ({"type": "server_vad", "create_response": 1}, ".create_response", "is 1; wanted true or false"),
        ({"type": "server_vad", "eagerness": "low"}, ".eagerness", "unknown to server_vad"),
        ({"type": "semantic_vad", "threshold": 0.5}, ".threshold", "unknown to semantic_vad; wanted one of eagerness"),
        ({"type": "semantic_vad", "eagerness": "wild"}, ".eagerness", "'low', 'medium', 'high' or 'auto'"),
        ({"type": "semantic_vad", "eagerness": {}}, ".eagerness", "'low', 'medium'"),
    ],
)
def test_nonsense_is_refused_by_its_name(value: object, param: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=message) as caught:
        TurnSettings.from_protocol(value)
    assert isinstance(caught.value, ApiError)
    assert caught.value.param == PATH + param
    assert len(str(caught.value)) < 250


def test_the_place_of_the_object_is_the_callers() -> None:
    with pytest.raises(ApiError) as caught:
        TurnSettings.from_protocol({"type": "server_vad", "silence": 3}, "session.turn_detection")
    assert (caught.value.param, caught.value.code) == ("session.turn_detection.silence", "unknown_parameter")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 0.0}, "threshold is 0"),
        ({"silence_seconds": -0.5}, "silence_seconds is -0.5"),
        ({"prefix_seconds": 60}, "wanted 0 to 10"),
        ({"starting_seconds": 1.0}, "starting_seconds <= lasting_seconds"),
        ({"idle_seconds": 0}, "idle_seconds is 0"),
        ({"pause_seconds": 0}, "pause_seconds is 0"),
        ({"echo_db": -3}, "echo_db is -3"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TurnSettings(**settings)
