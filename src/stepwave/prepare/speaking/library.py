"""Libraries of voices, and how they are dealt out so that none dominates.

Built-in: `light` (rule-based voices and Piper's, next to no cost), `clear` (those of them that are understood best),
`human` (Kokoro's voices and blends of two), `mixed` (light and human ones, the light more often). A library of one's
own is a TOML file:

    [[voice]]
    name = "openai/alloy"
    weight = 2          # drawn twice as often as weight 1
    language = "en"
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepwave.facts.errors import ConfigError
from stepwave.prepare.engines.kokoro import KOKORO_ENGLISH
from stepwave.prepare.pipeline.steps import drawing


@dataclass(frozen=True)
class LibraryVoice:
    """A voice and how often it is drawn."""

    name: str
    weight: int = 1
    """Cards in the deck: its share is its weight over the sum of all."""
    language: str = "en"

    def __post_init__(self) -> None:
        if not self.name or self.weight < 1:
            raise ConfigError(f"voice {self.name!r} has weight {self.weight}; wanted a name and a weight of 1 or more")


def _shifted(name: str, *factors: float) -> list[str]:
    return [name, *(f"{name}@{factor:g}" for factor in factors)]


# Voices that were seldom understood are left out: espeak-ng's f2 and m7, festival's diphone voices shifted.
_LIGHT: Final = [
    *_shifted("piper/joe", 0.86, 0.93, 1.08, 1.16, 1.24) * 3,
    *_shifted("flite/slt", 0.9, 1.1),
    *_shifted("flite/rms", 0.92, 1.1),
    *_shifted("flite/awb", 0.92, 1.08),
    *_shifted("flite/kal16", 1.12),
    *_shifted("festival/cmu_us_slt_arctic_hts", 0.88, 1.08) * 2,
    "festival/kal_diphone", "festival/ked_diphone", "festival/ked_diphone@1.1",
    "espeak/en-us", "espeak/en-gb", "espeak/en-gb-x-rp", "espeak/en-us+f3", "espeak/en-gb+f4", "espeak/en-us+m1",
    "espeak/en-gb+m3",
]  # fmt: skip
HELD_OUT: Final = ("af_nova", "am_fenrir", "bf_lily", "bm_lewis")
"""Kokoro's voices that checks ask in and training never hears."""
_SINGLE: Final = [name for name in KOKORO_ENGLISH if name not in HELD_OUT]
_HUMAN: Final = [f"kokoro/{name}" for name in _SINGLE] + [
    f"kokoro/{one}+{other}" for one, other in zip(_SINGLE, [*_SINGLE[7:], *_SINGLE[:7]], strict=True)
]


def library(spec: str) -> tuple[LibraryVoice, ...]:
    """The library called `spec`: a built-in one, a TOML file, or names of voices joined by commas.

    Raises ConfigError.
    """
    if spec in _BUILT_IN:
        names = _BUILT_IN[spec]
        return tuple(LibraryVoice(name, names.count(name)) for name in dict.fromkeys(names))
    if spec.endswith(".toml"):
        try:
            entries = tomllib.loads(Path(spec).read_text(encoding="utf-8"))["voice"]
            return tuple(LibraryVoice(**entry) for entry in entries)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise ConfigError(f"{spec} is no library ({problem}); wanted [[voice]] tables with a name") from None
    names = [name.strip() for name in spec.split(",")]
    if not all("/" in name for name in names):
        raise ConfigError(
            f"no library {spec!r}; wanted {', '.join(_BUILT_IN)}, a .toml file, or names such as piper/joe,flite/slt"
        )
    return tuple(LibraryVoice(name) for name in names)


_CLEAR: Final = [name for name in _LIGHT if not name.startswith(("espeak", "festival/k", "flite/k", "flite/a"))]
_BUILT_IN: Final = {"light": _LIGHT, "clear": _CLEAR, "human": _HUMAN, "mixed": [*_LIGHT * 3, *_HUMAN]}


def deal(voices: Sequence[LibraryVoice], seed: int, purpose: str) -> Iterator[str]:
    """Names without end: shuffled decks, one after the other, so that shares are even after each deck.

    Raises ConfigError for no voices.
    """
    if not voices:
        raise ConfigError(f"there is no voice to speak {purpose}; name a library that has one")
    deck = [voice.name for voice in voices for _ in range(voice.weight)]
    number = 0
    while True:
        cards = list(deck)
        drawing(seed, purpose, number).shuffle(cards)
        yield from cards
        number += 1
