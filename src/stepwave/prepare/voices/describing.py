"""What a voice is like, in words, from what was measured of it (`acoustics.voice_measures`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stepwave.prepare.acoustics.bands import MELODY, PITCH, SPEED, TIMBRE, Bands, word_for

_SAID: Final[tuple[tuple[Bands, str], ...]] = (
    (PITCH, "{} pitch"),
    (SPEED, "{} pace"),
    (MELODY, "{} melody"),
    (TIMBRE, "{} timbre"),
)
_UNREMARKABLE: Final = ("moderate", "neutral")


def describe_measured(attributes: Mapping[str, Any]) -> str:
    """Pitch, pace, melody and timbre by the words of `bands`, where they were measured; what is usual is left out."""
    words = [
        phrase.format(word)
        for bands, phrase in _SAID
        if isinstance(value := attributes.get(bands.attribute), int | float)
        and (word := word_for(bands, float(value))) not in _UNREMARKABLE
    ]
    return ", ".join(words)
