"""Clips as something to look at and listen to: Opus and a picture as data URIs, within a bound for the page.

A clip that can't be played is said to be missing, with the reason; it stops nothing.
"""

import base64
from dataclasses import dataclass
from typing import Final

from stepwave.data.manifests import read_clip
from stepwave.data.records import Clip
from stepwave.facts.errors import AudioError, ConfigError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.prepare.pipeline.parts import encode
from stepwave.prepare.pipeline.steps import Sound
from stepwave.prepare.show.spectrogram import spectrogram

SOUND_BYTES: Final = 8_000_000
"""What all players and pictures of a page take at most, as they stand in it."""
LONGEST_SECONDS: Final = 20.0
"""Of a clip as it is played; the rest is left out, which the page says."""
SHORTEST_SECONDS: Final = 3.0
"""A clip is not cut shorter than this for want of room, but left out."""
BYTES_PER_SECOND: Final = 5_500
"""Of Opus as libsndfile writes it by default, in base64, rather too many than too few."""
PICTURE_BYTES: Final = 10_400


@dataclass(frozen=True)
class Player:
    """A clip, ready for the page."""

    sound: str
    """Data URI of Ogg Opus."""
    picture: str
    """Data URI of PNG."""
    seconds: float
    """How much of it can be played."""
    whole_seconds: float
    """How long the clip is."""


@dataclass(frozen=True)
class Missing:
    """A clip that can't be played."""

    reason: str


class Sounds:
    """Makes players for `clips` clips, one after another, that together stay within `limit` bytes.

    Each may use an equal share of what is left, so what short clips spare is for the longer ones.
    """

    def __init__(self, clips: int, limit: int = SOUND_BYTES) -> None:
        if limit < 0:
            raise ConfigError(f"got a bound of {limit} bytes; wanted 0 or more")
        self._clips, self._left = clips, limit

    def player(self, clip: Clip) -> Player | Missing:
        """The player of one clip, or why there is none."""
        share = self._left // max(1, self._clips)
        self._clips -= 1
        if not clip.file:
            return Missing("not made yet")
        try:
            samples, rate = read_clip(clip, OUTPUT_SAMPLE_RATE)
            whole = len(samples) / rate
            wanted = min(whole, LONGEST_SECONDS)
            seconds = min(wanted, max(0.0, share - PICTURE_BYTES) / BYTES_PER_SECOND)
            if seconds < min(wanted, SHORTEST_SECONDS):
                return Missing("left out to keep the page small; draw a smaller sample to hear it")
            samples = samples[: round(seconds * rate)]
            encoded = encode(Sound(samples, rate), "opus")
        except AudioError as problem:
            return Missing(str(problem))
        player = Player(
            _uri("audio/ogg", encoded), _uri("image/png", spectrogram(samples)), seconds, clip.seconds or whole
        )
        size = len(player.sound) + len(player.picture)
        if size > self._left:
            return Missing("left out to keep the page small; draw a smaller sample to hear it")
        self._left -= size
        return player


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
