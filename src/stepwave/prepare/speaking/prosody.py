"""How an emotion is acted by voices that know none: by pace and pitch.

The engines at hand have no emotions of their own. What can be done to any voice is done: studies of acted speech agree
that joy and anger raise pace and pitch, and sadness lowers both (Murray and Arnott 1993, table of vocal effects). It is
a likeness, enough to tell styles apart, and is marked as such: a clip's `acted` attribute holds the two factors.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from stepwave.facts.errors import DataError


class Prosody(NamedTuple):
    """Factors on a voice's own pace and pitch."""

    speed: float
    pitch: float


EMOTIONS: Final[Mapping[str, Prosody]] = MappingProxyType(
    {
        "neutral": Prosody(1.0, 1.0),
        "happy": Prosody(1.08, 1.10),
        "excited": Prosody(1.15, 1.16),
        "surprised": Prosody(1.04, 1.18),
        "angry": Prosody(1.10, 1.06),
        "sad": Prosody(0.84, 0.93),
        "calm": Prosody(0.90, 0.97),
    }
)
"""By the name that scripts use."""
SLOWEST, FASTEST = 0.6, 1.6
"""Bounds of what a voice is asked for; beyond them engines slur or stumble."""


def prosody(style: Mapping[str, Any]) -> Prosody:
    """Pace and pitch of a turn with this style. Raises DataError for an emotion nobody can act, or a bad speed."""
    emotion = str(style.get("emotion", "neutral"))
    if emotion not in EMOTIONS:
        raise DataError(f"a turn is to be {emotion!r}; emotions that can be acted are {', '.join(EMOTIONS)}")
    acted = EMOTIONS[emotion]
    speed = acted.speed * float(style.get("speed", 1.0))
    if not SLOWEST <= speed <= FASTEST:
        raise DataError(f"a turn is to be spoken at {speed:.2f} times the usual pace; wanted {SLOWEST} to {FASTEST}")
    return Prosody(speed, acted.pitch)
