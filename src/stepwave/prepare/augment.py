"""Makes clean speech sound as if recorded by people in places: noise, rooms, level, tempo, telephone bands.

Applied to what nano hears, never to what it should say. Everything is drawn from the generator that is passed in.
"""

from collections.abc import Sequence

import numpy as np

from stepwave.data.manifests import read_clip
from stepwave.data.records import Clip
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples, resample

TELEPHONE_RATE = 8_000


class Augmenter:
    """Draws one of several treatments per clip; noises are `noises` or coloured noise."""

    def __init__(self, noises: Sequence[Clip] = ()) -> None:
        self.noises = noises

    def __call__(self, samples: Samples, chooser: np.random.Generator) -> Samples:
        """Treat 16 kHz float32 samples `[n]`; the length may change by the tempo factor. Peak stays below 1.

        Raises AudioError where a noise cannot be read.
        """
        if chooser.random() < 0.7:
            factor = float(chooser.uniform(0.82, 1.2))
            samples = resample(samples, INPUT_SAMPLE_RATE, round(INPUT_SAMPLE_RATE / factor))
        if chooser.random() < 0.35:
            samples = self._room(samples, chooser)
        if chooser.random() < 0.25:
            narrow = resample(samples, INPUT_SAMPLE_RATE, TELEPHONE_RATE)
            samples = resample(narrow, TELEPHONE_RATE, INPUT_SAMPLE_RATE)
        if chooser.random() < 0.6:
            samples = self._noise(samples, chooser)
        level = float(10 ** chooser.uniform(-1.2, 0.0))
        return (samples * (level / max(float(np.abs(samples).max()), 1e-4))).astype(np.float32)

    def _room(self, samples: Samples, chooser: np.random.Generator) -> Samples:
        length = chooser.uniform(0.05, 0.35) * INPUT_SAMPLE_RATE
        response = chooser.standard_normal(int(length)) * np.exp(-6.9 * np.arange(int(length)) / length)
        response *= chooser.uniform(0.05, 0.3) / max(float(np.linalg.norm(response)), 1e-6)
        response[0] = 1.0
        size = 1 << int(len(samples) + len(response)).bit_length()
        wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)]
        return wet.astype(np.float32)

    def _noise(self, samples: Samples, chooser: np.random.Generator) -> Samples:
        if self.noises and chooser.random() < 0.6:
            noise, _ = read_clip(self.noises[int(chooser.integers(len(self.noises)))])
            noise = np.resize(noise, len(samples))
        else:
            spectrum = np.fft.rfft(chooser.standard_normal(len(samples)))
            spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** chooser.uniform(0.0, 1.0)
            noise = np.fft.irfft(spectrum, len(samples)).astype(np.float32)
        loudness = float(np.sqrt(np.mean(samples**2)))
        strength = float(np.sqrt(np.mean(noise**2)))
        if strength < 1e-5:
            return samples
        ratio = 10 ** (chooser.uniform(5, 30) / 20)
        mixed: Samples = (samples + noise * (loudness / strength / ratio)).astype(np.float32)
        return mixed
