"""Words for measured figures: the one table of thresholds that captions, questions and answers share.

A band holds from its bound (included) up to the next one. Pitch is absolute: what counts is Hz, not what is usual for a
woman or a man. The bounds lie near the 15th and 85th percentile of 126 readers of LibriSpeech (median pitch of its men
113 Hz, of its women 188 Hz; 4.0 to 5.3 syllables per second; 4 to 23 % pauses; centroid 410 to 1,010 Hz).
"""

import bisect
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Bands:
    """Words for the ranges of one attribute."""

    attribute: str
    """Name of the measured attribute."""
    unit: str
    bounds: tuple[float, ...]
    """Where one word gives way to the next, ascending."""
    words: tuple[str, ...]
    """One more than bounds."""

    def __post_init__(self) -> None:
        if len(self.words) != len(self.bounds) + 1 or sorted(self.bounds) != list(self.bounds):
            raise ValueError(f"{self.attribute}: wanted ascending bounds and one more word than bounds")


PITCH: Final = Bands("pitch_hz", "Hz", (95.0, 130.0, 170.0, 220.0), ("very low", "low", "medium", "high", "very high"))
MELODY: Final = Bands("pitch_range_semitones", "semitones", (8.0, 14.0), ("flat", "moderate", "lively"))
SPEED: Final = Bands(
    "syllables_per_second", "syllables/s", (3.2, 4.0, 5.2, 6.0), ("very slow", "slow", "moderate", "fast", "very fast")
)
RHYTHM: Final = Bands("pause_share", "share of pauses", (0.05, 0.2), ("flowing", "even", "halting"))
TIMBRE: Final = Bands("centroid_hz", "Hz", (450.0, 950.0), ("dark", "neutral", "bright"))


def word_for(bands: Bands, value: float) -> str:
    """The word for a measured value."""
    return bands.words[bisect.bisect_right(bands.bounds, value)]
