"""Fundamental frequency of speech: what the vocoder's f0 predictor learns from, and what voices are reshaped by.

RAPT (Talkin 1995, "A Robust Algorithm for Pitch Tracking"), by way of `pysptk`. It is right where WORLD's DIO takes a
low, creaky voice for one an octave higher (docs/log.md).
"""

import warnings
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stepwave.facts.errors import MissingExtraError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE, SPEECH_MEL_HOP

TRACKER: Final = "rapt"
LOWEST, HIGHEST = 55.0, 500.0
"""Range searched, in Hz."""
FULL_SCALE: Final = 32_767.0
"""RAPT's thresholds are those for 16-bit samples."""
LATE: Final = 160
"""Samples: RAPT's frame i speaks of this much after `i` hops (measured on rising tones)."""
SHORTEST: Final = 2_400
"""Samples in which RAPT finds anything; shorter sounds have no pitch."""


def fundamental_frequency(samples: np.ndarray) -> Tensor:
    """Hz per mel frame (0 where unvoiced) of 24 kHz samples `[n]`: float32 `[n // 480]`.

    Mel frame i is centred on sample 480 i + 240, that is on 20 i + 10 ms: every second value of a 10 ms track.
    """
    half = SPEECH_MEL_HOP // 2
    return torch.from_numpy(pitch_track(samples, half, half)[::2][: len(samples) // SPEECH_MEL_HOP].copy())


def pitch_track(samples: np.ndarray, hop: int, first: int = 0) -> NDArray[np.float32]:
    """Hz (0 where unvoiced) of 24 kHz samples `[n]` at sample `first` and every `hop` samples: `[n // hop + 1]`.

    Raises MissingExtraError without pysptk.
    """
    with warnings.catch_warnings():
        # pysptk reads its own version through a deprecated interface.
        warnings.simplefilter("ignore")
        try:
            import pysptk
        except ImportError:
            raise MissingExtraError("train", "pysptk") from None
    count = len(samples) // hop + 1
    if len(samples) < SHORTEST:
        return np.zeros(count, np.float32)
    # moved so that its frames speak of the samples that are asked for
    signal = np.pad(samples, (LATE, 0))[first:] if first < LATE else samples[first - LATE :]
    track = pysptk.rapt(
        signal.astype(np.float32) * np.float32(FULL_SCALE), OUTPUT_SAMPLE_RATE, hop, min=LOWEST, max=HIGHEST, otype="f0"
    )
    return np.asarray(np.pad(track, (0, max(0, count - len(track))))[:count], np.float32)
