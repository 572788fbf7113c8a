"""Where somebody speaks in a recording: by Silero's detector, or by level where no model is wanted.

Frames are judged in blocks by the network that takes a sequence, which gives the same numbers as frame by frame.
"""

from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples
from stepwave.signal.silero import CONTEXT, FRAME, STATE, open_network
from stepwave.signal.voice_activity import Stretch, VoiceActivityConfig, find_sound

By = Literal["silero", "level"]

_BLOCK: Final = 512  # frames at once


class Detector(Protocol):
    """Finds speech in samples `[n]` at 16 kHz: stretches in order, without overlap."""

    def __call__(self, samples: Samples) -> list[Stretch]:
        """Find it."""
        ...


@dataclass(frozen=True)
class SpeechActivity:
    """What counts as speech."""

    by: By = "silero"
    """`silero` knows speech from other sound; `level` takes every sound for speech and needs no package."""
    threshold: float = 0.5
    """Probability from which a frame is speech (silero)."""
    release: float = 0.35
    """Probability under which speech that has begun may end (silero)."""
    least_pause: float = 0.1
    """Seconds under `release` (or silent) that end a stretch."""
    least_speech: float = 0.1
    """Shorter stretches, in seconds, are taken for clicks."""
    floor_db: float = -55.0
    """Level in dBFS under which everything is silence (level)."""
    range_db: float = 30.0
    """How far under the loudest frame sound may lie (level)."""

    def __post_init__(self) -> None:
        if self.by not in ("silero", "level"):
            raise ConfigError(f"speech is found by {self.by!r}; wanted 'silero' or 'level'")
        if not 0 < self.release <= self.threshold < 1:
            raise ConfigError(
                f"release is {self.release:g} and threshold {self.threshold:g}; wanted 0 < release <= threshold < 1"
            )
        if self.least_pause < 0 or self.least_speech < 0:
            raise ConfigError("least_pause and least_speech are seconds; wanted 0 or more")
        if self.floor_db >= 0 or self.range_db <= 0:
            raise ConfigError("wanted floor_db below 0 and range_db above 0")


def open_detector(activity: SpeechActivity) -> Detector:
    """The detector that the settings ask for. Raises MissingExtraError, and ConfigError for a package too old."""
    return _Silero(activity) if activity.by == "silero" else _Level(activity)


class _Level:
    def __init__(self, activity: SpeechActivity) -> None:
        self._least = round(activity.least_speech * INPUT_SAMPLE_RATE)
        self._config = VoiceActivityConfig(
            floor_db=activity.floor_db,
            range_db=activity.range_db,
            margin_seconds=0.0,
            pause_seconds=activity.least_pause,
        )

    def __call__(self, samples: Samples) -> list[Stretch]:
        return [
            each
            for each in find_sound(samples, INPUT_SAMPLE_RATE, self._config)
            if each.end - each.start >= self._least
        ]


class _Silero:
    def __init__(self, activity: SpeechActivity) -> None:
        self._activity = activity
        self._network = open_network("prepare")

    def __call__(self, samples: Samples) -> list[Stretch]:
        return stretches_of(self.probabilities(samples), self._activity, len(samples))

    def probabilities(self, samples: Samples) -> npt.NDArray[np.float32]:
        """Probability of speech in each frame of samples `[n]`: `[n / 512, rounded up]`, the last one filled up."""
        count = -(-len(samples) // FRAME)
        padded = np.zeros(CONTEXT + count * FRAME, np.float32)
        padded[CONTEXT : CONTEXT + len(samples)] = samples
        hidden, cell = np.zeros(STATE, np.float32), np.zeros(STATE, np.float32)
        found = [np.zeros(0, np.float32)]
        for first in range(0, count, _BLOCK):
            block = padded[first * FRAME : CONTEXT + min(count, first + _BLOCK) * FRAME]
            frames = np.lib.stride_tricks.sliding_window_view(block, CONTEXT + FRAME)[::FRAME]
            values, hidden, cell = self._network.run(
                ["speech_probs", "hn", "cn"], {"input": np.ascontiguousarray(frames), "h": hidden, "c": cell}
            )
            found.append(values.reshape(-1))
        return np.concatenate(found)


def stretches_of(probabilities: npt.NDArray[np.float32], activity: SpeechActivity, samples: int) -> list[Stretch]:
    """Speech from the probability of each frame, in a recording of `samples`.

    A stretch begins with a frame at `threshold` and ends with the first of those under `release`, once they last
    `least_pause`.
    """
    pause = activity.least_pause * INPUT_SAMPLE_RATE
    found: list[Stretch] = []
    start, quiet = -1, -1
    for number, probability in enumerate(probabilities.tolist()):
        here = number * FRAME
        if probability >= activity.threshold:
            quiet = -1
            start = here if start < 0 else start
        elif start >= 0 and (probability < activity.release or quiet >= 0):
            quiet = here if quiet < 0 else quiet
            if here + FRAME - quiet >= pause:
                found.append(Stretch(start, quiet))
                start, quiet = -1, -1
    if start >= 0:
        found.append(Stretch(start, quiet if quiet >= 0 else samples))
    return [each for each in found if each.end - each.start >= activity.least_speech * INPUT_SAMPLE_RATE]
