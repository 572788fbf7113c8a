"""Making another voice of one: pitch, formants, melody, breath and tremor apart from each other.

By WORLD's analysis and synthesis (Morise et al. 2016), by way of `pyworld`, on the pitch that `prepare.pitch` finds.
The pace stays as it is.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.prepare.pitch import pitch_track
from stepwave.signal.resample import Samples

_FRAME_MS: Final = 5.0
_TREMOR_HZ: Final = 5.5


@dataclass(frozen=True)
class Reshaping:
    """What becomes of a voice; the defaults leave it as it is."""

    pitch: float = 1.0
    """Factor on the fundamental frequency."""
    formants: float = 1.0
    """Factor on the frequencies of the spectral envelope: above 1 a smaller head, below 1 a larger one."""
    melody: float = 1.0
    """Factor on how far the pitch moves from its median, in semitones; 0 is monotone."""
    breath: float = 0.0
    """How much of the sound is noise in place of tone, 0 to 1; 1 whispers."""
    tremor: float = 0.0
    """Semitones by which the pitch shakes, as old voices do."""

    def __post_init__(self) -> None:
        if not (0.4 <= self.pitch <= 2.5 and 0.6 <= self.formants <= 1.6 and 0 <= self.breath <= 1):
            raise ConfigError(f"{self} is out of range; wanted pitch 0.4 to 2.5, formants 0.6 to 1.6, breath 0 to 1")


AS_IT_IS: Final = Reshaping()


def reshape(samples: Samples, how: Reshaping) -> Samples:
    """Samples `[n]` at 24 kHz to as many of the other voice. Raises MissingExtraError without pyworld."""
    return samples if how == AS_IT_IS else AnalysedVoice.of(samples).reshaped(how)


@dataclass(frozen=True, eq=False)
class AnalysedVoice:
    """A recording as WORLD sees it, `t` frames of 5 ms: to be made into as many voices as one likes."""

    length: int
    """Samples of the recording, at 24 kHz."""
    track: NDArray[np.float64]
    """Fundamental frequency in Hz, 0 where unvoiced `[t]`."""
    envelope: NDArray[np.float64]
    """Spectral envelope, as power `[t, bins]`."""
    noise: NDArray[np.float64]
    """Share of noise in each bin `[t, bins]`."""

    @staticmethod
    def of(samples: Samples) -> AnalysedVoice:
        """Analyse samples `[n]` at 24 kHz. Raises MissingExtraError without pyworld or pysptk."""
        pyworld = _pyworld()
        signal, rate = samples.astype(np.float64), OUTPUT_SAMPLE_RATE
        hop = round(_FRAME_MS / 1000 * rate)
        coarse = pitch_track(samples, hop).astype(np.float64)
        times = np.arange(len(coarse)) * hop / rate
        track = pyworld.stonemask(signal, coarse, times, rate)
        envelope = pyworld.cheaptrick(signal, track, times, rate)
        return AnalysedVoice(len(samples), track, envelope, pyworld.d4c(signal, track, times, rate))

    @property
    def pitch(self) -> float | None:
        """Median fundamental frequency in Hz; None where nothing is voiced."""
        voiced = self.track > 0
        return float(np.median(self.track[voiced])) if voiced.any() else None

    def reshaped(self, how: Reshaping) -> Samples:
        """The recording in another voice, as many samples as it had."""
        track, envelope, noise = self._melody(how), self.envelope, self.noise
        noise = noise + how.breath * (1 - noise)
        if how.formants != 1:
            places = np.arange(envelope.shape[1])
            warped = places / how.formants
            envelope = np.stack([np.interp(warped, places, frame) for frame in envelope])
            noise = np.stack([np.interp(warped, places, frame) for frame in noise])
        made = _pyworld().synthesize(
            track, np.ascontiguousarray(envelope), np.ascontiguousarray(noise), OUTPUT_SAMPLE_RATE, _FRAME_MS
        )
        return np.asarray(np.pad(made, (0, max(0, self.length - len(made))))[: self.length], np.float32)

    def _melody(self, how: Reshaping) -> NDArray[np.float64]:
        middle, voiced = self.pitch, self.track > 0
        if middle is None or how.breath == 1:
            return np.zeros_like(self.track)
        semitones = 12 * np.log2(np.where(voiced, self.track, middle) / middle) * how.melody
        semitones += how.tremor * np.sin(2 * np.pi * _TREMOR_HZ * np.arange(len(self.track)) * _FRAME_MS / 1000)
        return np.where(voiced, middle * how.pitch * 2 ** (semitones / 12), 0.0)


def _pyworld() -> Any:
    with warnings.catch_warnings():
        # pyworld reads its own version through a deprecated interface.
        warnings.simplefilter("ignore")
        try:
            import pyworld
        except ImportError:
            raise MissingExtraError("train", "pyworld") from None
    return pyworld
