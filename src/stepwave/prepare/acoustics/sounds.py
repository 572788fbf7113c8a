"""What the labels of sounds mean: what each is called, its role in a scene, the places it belongs to.

The table is `sounds.toml`. A label that it does not hold is called by itself, with role `event`, and belongs nowhere.
"""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias

Role: TypeAlias = Literal["event", "scenario", "vocal", "speech"]
SPEECH: Final = "speech"
"""Label of a speaker in a recipe."""


@dataclass(frozen=True)
class SoundKind:
    """A kind of sound, however a corpus spells it."""

    label: str
    """The one label by which recipes name it."""
    name: str
    """As it is called in a sentence: `a dog barking`."""
    doing: str
    """As a clause: `a dog is barking`."""
    role: Role
    place: str = ""
    """For a scenario: where one seems to be."""
    like: frozenset[str] = frozenset()
    """Labels of what may be taken for it, or is often heard in recordings of it."""


@dataclass(frozen=True)
class Place:
    """Where sounds belong together."""

    name: str
    telling: frozenset[str]
    fitting: frozenset[str]


def sound_kind(label: str) -> SoundKind:
    """The kind of sound that a corpus' label stands for."""
    plain = label.strip().lower().replace(" ", "_").replace("-", "_")
    if plain in _kinds():
        return _kinds()[plain]
    spoken = plain.replace("_", " ")
    return SoundKind(plain, f"the sound of {spoken}", f"there is the sound of {spoken}", "event")


def alike(one: str, other: str) -> bool:
    """Whether two labels are the same or so near that one cannot be called absent where the other is heard."""
    return one == other or other in sound_kind(one).like or one in sound_kind(other).like


def place_of(labels: Collection[str]) -> tuple[Place, str] | None:
    """The one place where sounds with these labels belong, and the label that tells it; None where there is not one."""
    found = []
    for place in places():
        telling = [label for label in labels if label in place.telling]
        if telling and set(labels) <= place.telling | place.fitting:
            found.append((place, telling[0]))
    return found[0] if len(found) == 1 else None


@cache
def places() -> tuple[Place, ...]:
    """Every place of the table."""
    return tuple(
        Place(each["name"], frozenset(each["telling"]), frozenset(each["fitting"])) for each in _table("place").values()
    )


@cache
def _kinds() -> dict[str, SoundKind]:
    kinds = {SPEECH: SoundKind(SPEECH, "a person speaking", "someone is speaking", "speech")}
    for label, entry in _table("sound").items():
        aliases = entry.pop("aliases", [])
        kind = SoundKind(label, **{**entry, "like": frozenset(entry.get("like", ()))})
        for each in (label, *aliases):
            if each in kinds:
                raise ValueError(f"sounds.toml: two sounds are called {each!r}")
            kinds[each] = kind
    return kinds


def _table(name: str) -> dict[str, dict[str, Any]]:
    content = tomllib.loads(files(__package__).joinpath("sounds.toml").read_text(encoding="utf-8"))
    table: dict[str, dict[str, Any]] = content[name]
    return table
