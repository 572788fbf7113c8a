"""Functions become tools: their schemas, and what is refused."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from stepwave.facts.errors import ConfigError
from stepwave.tools.contract import tool


def set_timer(
    minutes: int,
    label: str | None = None,
    sound: Literal["bell", "drum"] = "bell",
    volume: float = 0.5,
    repeat: bool = False,
    days: list[str] | None = None,
) -> str:
    """Sets a timer
    that rings.

    Args:
        minutes (int): How long: whole
            minutes only
        sound: What is played

    Returns:
        something: that is no argument
    """
    return f"{minutes} {label} {sound} {volume} {repeat} {days}"


def test_a_function_gives_its_schema() -> None:
    made = tool(set_timer)
    assert (made.name, made.description, made.sensitive) == ("set_timer", "Sets a timer that rings.", False)
    assert made.schema.parameters == {
        "type": "object",
        "properties": {
            "minutes": {"type": "integer", "description": "How long: whole minutes only"},
            "label": {"type": "string"},
            "sound": {"type": "string", "enum": ["bell", "drum"], "description": "What is played"},
            "volume": {"type": "number"},
            "repeat": {"type": "boolean"},
            "days": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["minutes"],
        "additionalProperties": False,
    }
    assert made.run(minutes=3) == "3 None bell 0.5 False None"


def test_name_and_sensitivity_can_be_given() -> None:
    made = tool(set_timer, name="timer", sensitive=True)
    assert (made.name, made.sensitive) == ("timer", True)


def undocumented(x: int) -> None:
    pass


def untyped(x) -> None:  # type: ignore[no-untyped-def]
    """Does it."""


def of_mappings(x: dict[str, int]) -> None:
    """Does it."""


def mixed(x: Literal["a", 1]) -> None:
    """Does it."""


def none_without_default(x: int | None) -> None:
    """Does it."""


def two_types(x: int | str) -> None:
    """Does it."""


def collecting(*x: int) -> None:
    """Does it."""


def misdocumented(x: int) -> None:
    """Does it.

    Args:
        y: not there
    """


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (undocumented, "no docstring"),
        (untyped, "'x' of the tool 'untyped' has no type hint"),
        (of_mappings, r"has the type dict\[str, int\]; wanted str, int"),
        (mixed, "wanted str, int"),
        (none_without_default, "wanted str, int"),
        (two_types, "wanted str, int"),
        (collecting, "cannot be given by name"),
        (misdocumented, "documents y, which it does not take"),
    ],
)
def test_what_no_tool_can_be_made_of_is_told(function: Callable[..., Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tool(function)
