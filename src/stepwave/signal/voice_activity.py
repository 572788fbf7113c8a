"""Where a recording has sound, by the level of short frames: silence at the ends, stretches between pauses.

A plain measure without a model: it can't tell speech from other sound. Levels are in dB below a full-scale square
wave (dBFS of the root mean square), after each frame's own mean is taken off, so that a constant offset is silence.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stepwave.signal.resample import Samples

_LEAST_POWER = 1e-20


@dataclass(frozen=True)
class VoiceActivityConfig:
    """What counts as sound, and what is kept around it."""

    frame_seconds: float = 0.02
    """Length of the frames whose level is measured; they don't overlap."""
    floor_db: float = -55.0
    """Level in dBFS under which a frame is silent in any recording."""
    range_db: float = 40.0
    """How far below the recording's loudest frame a frame may lie and still count as sound."""
    margin_seconds: float = 0.1
    """What is kept before and after each stretch of sound, so that soft starts and ends are not clipped."""
    pause_seconds: float = 0.3
    """Shorter gaps between stretches, margins taken off, do not part them."""

    def __post_init__(self) -> None:
        if self.frame_seconds <= 0 or self.range_db <= 0 or self.floor_db >= 0:
            raise ValueError("frame_seconds and range_db must be above 0 and floor_db below 0")
        if self.margin_seconds < 0 or self.pause_seconds < 0:
            raise ValueError("margin_seconds and pause_seconds must not be negative")


class Stretch(NamedTuple):
    """A part of a recording: samples from `start` up to, not including, `end`."""

    start: int
    end: int


_DEFAULT = VoiceActivityConfig()


def is_silent(samples: Samples, sample_rate: int, config: VoiceActivityConfig = _DEFAULT) -> bool:
    """Tell whether no frame of samples [n] reaches `floor_db`. True for no samples."""
    return not bool((frame_levels(samples, sample_rate, config) >= config.floor_db).any())


def find_sound(samples: Samples, sample_rate: int, config: VoiceActivityConfig = _DEFAULT) -> list[Stretch]:
    """Stretches with sound in samples [n], in order and without overlap, margins included; [] for silence.

    A frame counts as sound from `floor_db` or from `range_db` below the loudest frame on, whichever is higher.
    """
    levels = frame_levels(samples, sample_rate, config)
    if len(levels) == 0:
        return []
    sounding = np.flatnonzero(levels >= max(config.floor_db, float(levels.max()) - config.range_db))
    frame = _frame_samples(sample_rate, config)
    margin = round(config.margin_seconds * sample_rate)
    pause = round(config.pause_seconds * sample_rate)
    stretches: list[Stretch] = []
    for index in sounding.tolist():
        start, end = max(0, index * frame - margin), min(len(samples), (index + 1) * frame + margin)
        if stretches and start - stretches[-1].end < pause:
            stretches[-1] = Stretch(stretches[-1].start, end)
        else:
            stretches.append(Stretch(start, end))
    return stretches


def trim(samples: Samples, sample_rate: int, config: VoiceActivityConfig = _DEFAULT) -> Samples:
    """Samples [n] without the silence before the first sound and after the last, margins kept: a view [m].

    Silence all through gives no samples.
    """
    stretches = find_sound(samples, sample_rate, config)
    return samples[stretches[0].start : stretches[-1].end] if stretches else samples[:0]


def frame_levels(samples: Samples, sample_rate: int, config: VoiceActivityConfig = _DEFAULT) -> npt.NDArray[np.float64]:
    """Level in dBFS of each frame of samples [n], the last one possibly shorter: [frames]; -200 for digital silence."""
    if samples.ndim != 1:
        raise ValueError(f"samples must have one dimension, got shape {samples.shape}")
    frame = _frame_samples(sample_rate, config)
    whole = len(samples) // frame * frame
    powers = samples[:whole].reshape(-1, frame).astype(np.float64).var(axis=1)
    if whole < len(samples):
        powers = np.append(powers, samples[whole:].astype(np.float64).var())
    return np.asarray(10.0 * np.log10(np.maximum(powers, _LEAST_POWER)))


def _frame_samples(sample_rate: int, config: VoiceActivityConfig) -> int:
    return max(1, round(config.frame_seconds * sample_rate))
