"""A recipe as questions look at it: what begins when, which sounds there are, which overlap, which is loudest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from stepwave.prepare.acoustics.mixing import Ingredient
from stepwave.prepare.acoustics.sounds import SPEECH, sound_kind


@dataclass(frozen=True)
class Timeline:
    """Ingredients of one scene in the order of their starts."""

    items: tuple[Ingredient, ...]

    @classmethod
    def read(cls, recipe: Sequence[Mapping[str, Any]]) -> "Timeline":
        """From `details["recipe"]` of a record."""
        return cls(tuple(Ingredient(**each) for each in recipe))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Each label once, in the order of first starts."""
        return tuple(dict.fromkeys(item.label for item in self.items))

    @property
    def speech(self) -> Ingredient | None:
        """Whoever speaks."""
        return next((item for item in self.items if item.label == SPEECH), None)

    def of(self, label: str) -> list[Ingredient]:
        """All ingredients with a label."""
        return [item for item in self.items if item.label == label]

    @cached_property
    def single(self) -> tuple[Ingredient, ...]:
        """Ingredients whose label comes once: those that a question can name."""
        return tuple(item for item in self.items if len(self.of(item.label)) == 1)

    def gain(self, label: str) -> float:
        """Gain in dB of the loudest ingredient with a label."""
        return max(item.gain_db for item in self.of(label))

    def seconds(self, label: str) -> float:
        """How long all ingredients with a label last together."""
        return sum(item.seconds for item in self.of(label))


def overlap(one: Ingredient, other: Ingredient) -> float:
    """Seconds in which both are heard; negative for the gap between them."""
    return min(one.end, other.end) - max(one.start, other.start)


def name(label: str) -> str:
    """What is heard, in words: `a dog barking`."""
    return sound_kind(label).name
