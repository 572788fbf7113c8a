"""Fundamental frequency of recordings, aligned with speech mel frames, for the vocoder's f0 predictor to learn from.

WORLD's DIO with StoneMask refinement (Morise et al. 2016), by way of `pyworld`.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stepwave.data.recordings import Recording
from stepwave.data.store import StoreWriter, TensorStore
from stepwave.facts.errors import MissingExtraError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE, SPEECH_MEL_HOP
from stepwave.signal.files import read_audio

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


def store_pitch(recordings: list[Recording], folder: Path) -> Iterator[int]:
    """Store `ID.f0` for every recording that has none yet; yields how many are done."""
    stored = TensorStore(folder)
    with StoreWriter(folder) as writer:
        for done, recording in enumerate(recordings, 1):
            if f"{recording.id}.f0" not in stored:
                samples = read_audio(recording.path, sample_rate=OUTPUT_SAMPLE_RATE).samples
                writer.add(f"{recording.id}.f0", fundamental_frequency(samples))
            yield done
