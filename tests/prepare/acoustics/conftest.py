"""Sounds with one label each and voices made of pulses, in files with a manifest."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from .materials import RATE, TONES, pulses, sound_record, speech_record, tone, write_manifest


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., Path]:
    """Stores samples as a file and gives its path."""

    def store(name: str, samples: np.ndarray, rate: int = RATE) -> Path:
        path = tmp_path / "files" / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, samples, rate)
        return path

    return store


@pytest.fixture
def sounds(tmp_path: Path, stored: Callable[..., Path]) -> Path:
    """A manifest of two tones a label, 3 s of sound inside 4 s of silence."""
    records = []
    for label, hertz in TONES.items():
        for number in (1, 2):
            samples = np.pad(tone(hertz, 3.0), RATE // 2)
            records.append(sound_record(f"{label}-{number}", label, stored(f"{label}-{number}", samples)))
    return write_manifest(tmp_path / "sounds", records)


@pytest.fixture
def speech(tmp_path: Path, stored: Callable[..., Path]) -> Path:
    """A manifest of two voices with what has been measured of them."""
    records = []
    for name, hertz, gender in (("ann", 200.0, "female"), ("bob", 110.0, "male")):
        file = stored(name, pulses(hertz, 2.0), 24_000)
        measured = {"gender": gender, "pitch_hz": hertz, "syllables_per_second": 4.5, "pause_share": 0.1}
        records.append(speech_record(name, f"{name} says a few words.", file, measured))
    return write_manifest(tmp_path / "speech", records)
