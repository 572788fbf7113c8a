"""What every synthesis voice can do, and what is done alike to the sound of each."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stepwave.signal.resample import resample

Samples = NDArray[np.float32]

SYNTHESIS_RATE = 24_000
"""Every voice is brought to this sample rate, in Hz."""
LOWEST_SHIFT, HIGHEST_SHIFT = 0.6, 1.6
"""Bounds of the factor by which a voice may be shifted: beyond them nobody sounds human."""


class Voice(Protocol):
    """Anything that turns a text into sound at `SYNTHESIS_RATE`."""

    def speak(self, text: str, speed: float = 1.0) -> Samples:
        """Speak one sentence; returns float32 samples in [-1, 1] at 24 kHz.

        Raises ServiceError, or whatever the engine's library raises, where the text cannot be spoken.
        """
        ...


class ShiftedVoice:
    """Another voice played lower or higher, pitch and formants together, at the pace that was asked for."""

    def __init__(self, voice: Voice, factor: float) -> None:
        self.voice, self.factor = voice, factor

    def speak(self, text: str, speed: float = 1.0) -> Samples:
        """See `Voice.speak`."""
        samples = self.voice.speak(text, speed / self.factor)
        return resample(samples, round(SYNTHESIS_RATE * self.factor), SYNTHESIS_RATE)


def trim(samples: Samples, threshold: float = 0.01, margin_seconds: float = 0.06) -> Samples:
    """Cut silence from both ends of 24 kHz samples, keeping a margin; all-silent input gives an empty array."""
    loud = np.flatnonzero(np.abs(samples) > threshold)
    if len(loud) == 0:
        return samples[:0]
    margin = int(margin_seconds * SYNTHESIS_RATE)
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]
