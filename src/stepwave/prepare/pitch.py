"""Fundamental frequency of speech, aligned with speech mel frames: what the vocoder's f0 predictor learns from.

WORLD's DIO with StoneMask refinement (Morise et al. 2016), by way of `pyworld`.
"""

import warnings

import numpy as np
import torch
from torch import Tensor

from stepwave.facts.errors import MissingExtraError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE, SPEECH_MEL_HOP

LOWEST, HIGHEST = 55.0, 550.0
"""Range searched, in Hz."""


def fundamental_frequency(samples: np.ndarray) -> Tensor:
    """Hz per mel frame (0 where unvoiced) of 24 kHz samples `[n]`: float32 `[n // 480]`.

    Mel frame i is centred on sample 480 i + 240, that is on 20 i + 10 ms: every second value of a 10 ms track.
    """
    with warnings.catch_warnings():
        # pyworld reads its own version through a deprecated interface.
        warnings.simplefilter("ignore")
        try:
            import pyworld
        except ImportError:
            raise MissingExtraError("train") from None
    signal = samples.astype(np.float64)
    coarse, times = pyworld.dio(signal, OUTPUT_SAMPLE_RATE, f0_floor=LOWEST, f0_ceil=HIGHEST, frame_period=10.0)
    track = pyworld.stonemask(signal, coarse, times, OUTPUT_SAMPLE_RATE)[1::2]
    frames = len(samples) // SPEECH_MEL_HOP
    return torch.from_numpy(np.pad(track, (0, max(0, frames - len(track))))[:frames].astype(np.float32))
