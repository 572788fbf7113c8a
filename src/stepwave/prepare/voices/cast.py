"""The voices of the library that comes with the project: who speaks what, and how it is reshaped (`cast.toml`)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from stepwave.prepare.voices.reshaping import AS_IT_IS, Reshaping


@dataclass(frozen=True)
class Part:
    """One voice of the library."""

    name: str
    voice: str
    """A synthesis voice, as `prepare.engines` calls it."""
    role: str
    """What it is to be; the measured attributes are told behind it."""
    text: str
    """What it says: a sentence of its own, 4 to 8 s long."""
    speed: float = 1.0
    reshaping: Reshaping = AS_IT_IS
    age: str = ""
    emotion: str = ""
    style: str = ""


def read_cast() -> list[Part]:
    """All parts, in order."""
    table: dict[str, Any] = tomllib.loads(files(__package__).joinpath("cast.toml").read_text(encoding="utf-8"))
    return [Part(**{**part, "reshaping": Reshaping(**part.get("reshaping", {}))}) for part in table["part"]]
