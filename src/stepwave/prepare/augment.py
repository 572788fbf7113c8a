"""Makes clean speech sound as if recorded by people in places: noise, rooms, level, tempo, telephone bands.

Applied to what nano hears, never to what it should say. Everything is drawn from the generator that is passed in.
"""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from stepwave.signal.resample import resample

Samples = NDArray[np.float32]
RATE = 16_000


class Augmenter:
    """Draws one of several treatments per clip; noises come from a folder of sound files, or are coloured noise."""

    def __init__(self, noises: Path | None) -> None:
        self.noises = sorted(noises.rglob("*.ogg")) if noises is not None and noises.is_dir() else []

    def __call__(self, samples: Samples, chooser: np.random.Generator) -> Samples:
        """Treat 16 kHz float32 samples; the length may change by the tempo factor. Peak stays below 1."""
        if chooser.random() < 0.7:
            factor = float(chooser.uniform(0.82, 1.2))
            samples = resample(samples, RATE, round(RATE / factor))
        if chooser.random() < 0.35:
            samples = self._room(samples, chooser)
        if chooser.random() < 0.25:
            samples = resample(resample(samples, RATE, 8_000), 8_000, RATE)
        if chooser.random() < 0.6:
            samples = self._noise(samples, chooser)
        level = float(10 ** chooser.uniform(-1.2, 0.0))
        return (samples * (level / max(float(np.abs(samples).max()), 1e-4))).astype(np.float32)

    def _room(self, samples: Samples, chooser: np.random.Generator) -> Samples:
        decay = chooser.uniform(0.05, 0.35)
        response = chooser.standard_normal(int(decay * RATE)) * np.exp(
            -6.9 * np.arange(int(decay * RATE)) / (decay * RATE)
        )
        response *= chooser.uniform(0.05, 0.3) / max(float(np.linalg.norm(response)), 1e-6)
        response[0] = 1.0
        size = 1 << int(len(samples) + len(response)).bit_length()
        wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)]
        return wet.astype(np.float32)

    def _noise(self, samples: Samples, chooser: np.random.Generator) -> Samples:
        if self.noises and chooser.random() < 0.6:
            noise, rate = soundfile.read(
                self.noises[chooser.integers(len(self.noises))], dtype="float32", always_2d=True
            )
            noise = resample(np.ascontiguousarray(noise[:, 0]), rate, RATE)
            noise = np.resize(noise, len(samples))
        else:
            spectrum = np.fft.rfft(chooser.standard_normal(len(samples)))
            spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** chooser.uniform(0.0, 1.0)
            noise = np.fft.irfft(spectrum, len(samples))
        loudness = float(np.sqrt(np.mean(samples**2)))
        strength = float(np.sqrt(np.mean(noise**2)))
        if strength < 1e-5:
            return samples
        ratio = 10 ** (chooser.uniform(5, 30) / 20)
        mixed: Samples = (samples + noise * (loudness / strength / ratio)).astype(np.float32)
        return mixed
