"""Runs the frozen audio encoder once over all recordings and stores what training reads.

Stored per recording id: `ID.frames`, the encoder's 25 Hz output `[E, width]`; `ID~1.frames` and so on are augmented
readings of the same recording. Half precision; a second call computes only what is missing.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stepwave.data.recordings import Recording
from stepwave.data.store import StoreWriter, TensorStore
from stepwave.facts.rates import INPUT_SAMPLE_RATE, PIECE_SAMPLES, valid_mel_frames
from stepwave.models.encoder import AudioEncoder
from stepwave.prepare.augment import Augmenter
from stepwave.signal.files import read_audio
from stepwave.signal.mel import log_mel


@dataclass(frozen=True)
class FeaturePlan:
    """What is stored for a recording, by its use."""

    augmented: frozenset[str] = frozenset({"asr", "question", "real"})
    """Uses that get augmented readings."""
    readings: int = 1
    """Augmented readings per recording."""
    augmented_only: tuple[str, ...] = ("flite/", "espeak/", "piper/")
    """Voices too clean and alike to be worth an untreated reading."""
    real_readings: int = 6
    """Augmented readings of people's recordings, of which there are few."""


@torch.inference_mode()
def store_features(
    recordings: list[Recording], encoder: AudioEncoder, folder: Path, plan: FeaturePlan, noises: Path | None, seed: int
) -> Iterator[tuple[int, float]]:
    """Encode what is missing; yields (recordings done, seconds of sound encoded) after each recording.

    Recordings longer than one 25 s piece are cut to it.
    """
    stored = TensorStore(folder)
    augment = Augmenter(noises)
    encoder.eval()
    seconds = 0.0
    with StoreWriter(folder) as writer:
        for done, recording in enumerate(recordings, 1):
            readings = 0
            if recording.split == "train" and recording.use in plan.augmented:
                readings = plan.real_readings if recording.use == "real" else plan.readings
            rough = recording.voice.startswith(plan.augmented_only) and readings > 0
            names = [] if rough else [recording.id]
            names += [f"{recording.id}~{reading}" for reading in range(1, readings + 1)]
            missing = [name for name in names if f"{name}.frames" not in stored]
            if not missing:
                continue
            clean = read_audio(recording.path, sample_rate=INPUT_SAMPLE_RATE).samples[:PIECE_SAMPLES]
            for name in missing:
                samples = clean
                if name != recording.id:
                    chooser = np.random.default_rng((seed, zlib.crc32(name.encode())))
                    samples = augment(clean, chooser)[:PIECE_SAMPLES]
                # Half the time of float32 on CPUs that multiply bfloat16, and 1 to 2 % off: less than any augmentation.
                with torch.autocast("cpu", torch.bfloat16):
                    frames = encode(encoder, torch.from_numpy(samples))
                writer.add(f"{name}.frames", frames)
                seconds += len(samples) / INPUT_SAMPLE_RATE
            yield done, seconds


def encode(encoder: AudioEncoder, samples: Tensor) -> Tensor:
    """25 Hz frames `[E, w]` of 16 kHz samples `[n]`, at most one 25 s piece."""
    length = torch.tensor([valid_mel_frames(len(samples))])
    frames, count = encoder(log_mel(samples, encoder.config.bands)[None], length)
    valid: Tensor = frames[0, : int(count)]
    return valid
