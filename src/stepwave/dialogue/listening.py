"""What comes in: a recording in any of its forms to samples that can be heard, and long recordings cut at pauses."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stepwave.facts.errors import AudioEmptyError, AudioTooLongError, AudioTooShortError, AudioValueError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.files import Audio, Source, read_audio
from stepwave.signal.resample import Samples, resample
from stepwave.signal.voice_activity import frame_levels, is_silent

Recording: TypeAlias = Source | Audio | NDArray[np.float32]
"""A path, the bytes or stream of a file, sound with its rate, or samples [n] at 16 kHz."""

LEAST_SECONDS: Final = 0.1
"""Shorter recordings hold no word, and hardly a position of the language model."""
_LARGEST_SAMPLE: Final = 16.0
_CUT_SECONDS: Final = 0.1


def hear(recording: Recording, longest_seconds: float) -> Samples:
    """Samples [n] at 16 kHz of a recording that is worth listening to.

    Raises:
        AudioError: see `read_audio`; also AudioTooShortError under 0.1 s, AudioTooLongError over `longest_seconds`, and
            AudioEmptyError for silence from end to end.
    """
    if isinstance(recording, np.ndarray):
        recording = Audio(recording, INPUT_SAMPLE_RATE)
    if isinstance(recording, Audio):
        samples = _checked(recording, longest_seconds)
        name = "the recording"
    else:
        samples = read_audio(recording, max_seconds=longest_seconds, min_seconds=LEAST_SECONDS).samples
        name = repr(str(recording)) if not isinstance(recording, bytes | bytearray | memoryview) else "the recording"
    if is_silent(samples, INPUT_SAMPLE_RATE):
        raise AudioEmptyError(
            f"{name} is silent from end to end ({len(samples) / INPUT_SAMPLE_RATE:.2f} s); "
            "wanted speech: check the microphone, or record it again, louder"
        )
    return samples


def _checked(audio: Audio, longest_seconds: float) -> Samples:
    samples = np.asarray(audio.samples)
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise AudioValueError(
            f"got samples of shape {list(samples.shape)} and type {samples.dtype}; wanted floats of shape [n]: "
            "take one channel and divide integers by their full scale"
        )
    if not len(samples):
        raise AudioEmptyError("got a recording of 0 samples; wanted speech: leave the empty recording out")
    if audio.seconds < LEAST_SECONDS:
        raise AudioTooShortError(
            f"the recording lasts {audio.seconds:.4f} s; wanted at least {LEAST_SECONDS} s: record a longer one"
        )
    if audio.seconds > longest_seconds:
        raise AudioTooLongError(
            f"the recording lasts {audio.seconds:.1f} s, more than the {longest_seconds:g} s that are taken; "
            "cut it into shorter recordings"
        )
    if not np.abs(samples).max() <= _LARGEST_SAMPLE:
        raise AudioValueError("the samples hold NaN, infinity or values far over 1.0; wanted full scale at 1.0")
    return resample(samples.astype(np.float32, copy=False), audio.sample_rate, INPUT_SAMPLE_RATE)


def stretches(samples: Samples, longest_seconds: float) -> list[Samples]:
    """Cut samples [n] at 16 kHz into stretches of at most `longest_seconds`, each cut at the quietest place of the
    last third it may have.

    Nothing is dropped: joined, the stretches are the recording. The last two share what is left.
    """
    longest = int(longest_seconds * INPUT_SAMPLE_RATE)
    cut: list[Samples] = []
    rest = samples
    while len(rest) > longest:
        # Two stretches left are cut near the middle, so that no crumb of a word stands alone at the end.
        last = min(longest, max(2 * longest // 3, 2 * len(rest) // 3))
        first = min(2 * longest // 3, max(len(rest) - longest, len(rest) // 3))
        place = first + _quietest(rest[first:last])
        cut.append(rest[:place])
        rest = rest[place:]
    return [*cut, rest]


def _quietest(samples: Samples) -> int:
    """The middle of the quietest tenth of a second."""
    levels = 10 ** (frame_levels(samples, INPUT_SAMPLE_RATE) / 10)
    frame = len(samples) / max(1, len(levels))
    width = max(1, round(_CUT_SECONDS * INPUT_SAMPLE_RATE / max(frame, 1)))
    sums = np.convolve(levels, np.ones(width), "valid") if len(levels) >= width else levels
    return int((int(sums.argmin()) + width / 2) * frame)
