"""Where a human turn is heard: a room, and something going on in it; for what is heard, never for what is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from stepwave.data.manifests import read_clip
from stepwave.data.records import Clip
from stepwave.facts.errors import ConfigError
from stepwave.prepare.acoustics.rooms import Room, Rooms
from stepwave.prepare.engines.contract import SYNTHESIS_RATE, Samples


@dataclass(frozen=True)
class Surroundings:
    """How often human turns are heard in a room or among noise, and how much of it."""

    share: float = 0.0
    """Share of the human turns that are treated; the others stay as clean as they were spoken."""
    rooms: Rooms = "noise"
    """How rooms are made (see `acoustics.rooms`)."""
    quietest_db: float = 25.0
    """Speech over noise at best, in dB."""
    loudest_db: float = 10.0
    """Speech over noise at worst, in dB."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or self.loudest_db > self.quietest_db:
            raise ConfigError(
                f"surroundings for a share of {self.share:g}, {self.loudest_db:g} to {self.quietest_db:g} dB; "
                "wanted a share of 0 to 1 and levels that rise"
            )

    def draws(self, chooser: Random) -> bool:
        """Whether the next turn is treated."""
        return chooser.random() < self.share

    def around(self, samples: Samples, noises: Sequence[Clip], chooser: Random) -> tuple[Samples, dict[str, Any]]:
        """Samples `[n]` at 24 kHz in drawn surroundings `[n]`, and what they are, for the clip's attributes.

        Raises AudioError where a noise cannot be read, MissingExtraError.
        """
        told: dict[str, Any] = {}
        heard = samples
        if self.rooms != "none":
            heard = Room(self.rooms, SYNTHESIS_RATE, chooser).heard(samples)[: len(samples)]
            told["room"] = self.rooms
        if noises:
            clip = noises[chooser.randrange(len(noises))]
            noise, _ = read_clip(clip, SYNTHESIS_RATE)
            first = chooser.randrange(len(noise))
            noise = np.resize(np.roll(noise, -first), len(heard))
            ratio = chooser.uniform(self.loudest_db, self.quietest_db)
            strength = float(np.sqrt(np.mean(noise**2)))
            if strength > 1e-5:
                loudness = float(np.sqrt(np.mean(heard**2)))
                heard = heard + noise * (loudness / strength / 10 ** (ratio / 20))
                told |= {"noise": clip.id, "noise_db": round(ratio, 1)}
        scale = min(1.0, 0.9 / max(float(np.abs(heard).max()), 1e-9))
        return (heard * scale).astype(np.float32), told
