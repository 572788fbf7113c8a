"""SpecAugment: bands and stretches of a mel are blanked while something learns to hear (Park et al. 2019, section 2).

Departures: no time warping, which the paper finds to bring little; blanks are filled with the clip's own mean.
"""

import random
from dataclasses import dataclass

from torch import Tensor

from stepwave.facts.errors import ConfigError


@dataclass(frozen=True)
class Masking:
    """How much is blanked; the defaults are the paper's for LibriSpeech (policy LD), but with short time masks."""

    band_masks: int = 2
    """Blanks over neighbouring bands."""
    band_share: float = 0.3
    """Most of all bands that one of them takes (the paper's 27 of 80)."""
    time_masks: int = 2
    """Blanks over stretches of time."""
    frames: int = 40
    """Longest of them, in mel frames (100 a second). The paper's 100 hide whole words of what is to be spelled."""
    time_share: float = 0.15
    """Most of a clip that one of them takes."""

    def __post_init__(self) -> None:
        if min(self.band_masks, self.time_masks, self.frames) < 0:
            raise ConfigError(f"masking {self}: wanted numbers of 0 or more")
        if not (0 <= self.band_share <= 1 and 0 <= self.time_share <= 1):
            raise ConfigError(f"masking {self}: wanted shares in 0 to 1")


def masked(mel: Tensor, masking: Masking, chooser: random.Random) -> Tensor:
    """A mel `[bands, T]` with blanks drawn from `chooser`; the one that came is left as it is."""
    bands, frames = mel.shape
    filling = mel.mean()
    mel = mel.clone()
    for _ in range(masking.band_masks):
        start, stop = _stretch(bands, int(masking.band_share * bands), chooser)
        mel[start:stop] = filling
    for _ in range(masking.time_masks):
        start, stop = _stretch(frames, min(masking.frames, int(masking.time_share * frames)), chooser)
        mel[:, start:stop] = filling
    return mel


def _stretch(whole: int, most: int, chooser: random.Random) -> tuple[int, int]:
    size = chooser.randint(0, most)
    start = chooser.randint(0, whole - size)
    return start, start + size
