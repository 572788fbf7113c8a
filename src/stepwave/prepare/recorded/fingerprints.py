"""Fingerprints by which the same sound is known again after another encoding, another level or other silence around it.

After Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): a bit says whether the difference
of energy between neighbouring bands grows or falls from one moment to the next. Departures: the moments are not a fixed
time apart but divide a whole utterance, from its first to its last hundredth of energy, into equal stretches; so it is
utterances that are compared, not excerpts, and an utterance and a part of it are two sounds.
"""

from collections import defaultdict
from typing import Final

import numpy as np
import numpy.typing as npt

from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples

BITS: Final = 384
"""Bits of a fingerprint."""
NEAR: Final = 0.2
"""Share of bits in which two encodings of one sound may differ. Measured on prompts and utterances of a second and more
(330): after Opus, MP3 at its lowest rate or 8 kHz mu-law, 99 of 100 differ from themselves by less than 0.12. Of all
pairs of 792, short ones too, two that are there twice differ by 0.03, the next (single words of a fifth of a second,
sentences that share all words but one) by 0.20 to 0.25."""
DRIFT: Final = 0.01
"""Share by which their lengths may differ, beside `SLACK_SECONDS`."""
SLACK_SECONDS: Final = 0.05

_BANDS, _MOMENTS = 16, 24
_LOWEST, _HIGHEST = 200.0, 3400.0  # Hz: what even a telephone keeps
_WINDOW, _HOP = 1024, 160
_EDGE = 0.01  # share of the energy outside at either end
_RANGE = 1e-4  # power under the loudest cell at which all is silence, and codecs do as they please

_BUCKET_SECONDS = 0.25
_COUNTS = np.array([bin(value).count("1") for value in range(256)], np.uint8)


def fingerprint(samples: Samples) -> str:
    """Of samples `[n]` at 16 kHz: length in milliseconds and 384 bits, as `1234-` and 96 hexadecimal digits; "" for
    silence and for less than a window."""
    energies = _energies(samples)
    total = energies.sum()
    if len(energies) == 0 or total <= 0:
        return ""
    # Where the cumulated energy passes a mark hangs on no threshold, and moves little when a codec adds or takes a bit.
    cumulated = np.concatenate(([0.0], np.cumsum(energies.sum(axis=1)))) / total
    first, last = np.interp([_EDGE, 1 - _EDGE], cumulated, np.arange(len(cumulated)))
    edges = np.linspace(first, last, _MOMENTS + 2)
    summed = np.vstack((np.zeros(energies.shape[1]), np.cumsum(energies, axis=0)))
    at_edges = np.stack([np.interp(edges, np.arange(len(summed)), band) for band in summed.T], axis=1)
    cells = np.maximum(np.diff(at_edges, axis=0), 0.0)
    logs = np.log(cells + _RANGE * cells.max())
    bits = np.diff(np.diff(logs, axis=1), axis=0) > 0
    milliseconds = round((last - first) * _HOP * 1000 / INPUT_SAMPLE_RATE)
    return f"{milliseconds}-{np.packbits(bits).tobytes().hex()}"


class Known:
    """Fingerprints seen so far; those of about the same length are compared bit by bit.

    A comparison takes time in proportion to those of that length: a million utterances of 1 to 25 s take minutes.
    """

    def __init__(self) -> None:
        self._buckets: dict[int, _Bucket] = defaultdict(_Bucket)

    def seen(self, written: str) -> bool:
        """Whether the same sound was seen before; it is remembered where not. Never for ""."""
        if not written:
            return False
        milliseconds, _, digits = written.partition("-")
        seconds, bits = int(milliseconds) / 1000, np.frombuffer(bytes.fromhex(digits), np.uint8)
        slack = SLACK_SECONDS + DRIFT * seconds
        lowest, highest = (int((seconds + shift) / _BUCKET_SECONDS) for shift in (-slack, slack))
        for number in range(lowest, highest + 1):
            bucket = self._buckets.get(number)
            if bucket is not None and bucket.holds(seconds, slack, bits):
                return True
        self._buckets[int(seconds / _BUCKET_SECONDS)].add(seconds, bits)
        return False


class _Bucket:
    """Fingerprints in an array that grows by doubling."""

    def __init__(self) -> None:
        self._count = 0
        self._seconds = np.zeros(8, np.float32)
        self._bits = np.zeros((8, BITS // 8), np.uint8)

    def add(self, seconds: float, bits: npt.NDArray[np.uint8]) -> None:
        if self._count == len(self._seconds):
            self._seconds = np.concatenate((self._seconds, np.zeros_like(self._seconds)))
            self._bits = np.concatenate((self._bits, np.zeros_like(self._bits)))
        self._seconds[self._count], self._bits[self._count] = seconds, bits
        self._count += 1

    def holds(self, seconds: float, slack: float, bits: npt.NDArray[np.uint8]) -> bool:
        near = np.abs(self._seconds[: self._count] - seconds) <= slack
        differing = _COUNTS[self._bits[: self._count][near] ^ bits].sum(axis=1, dtype=np.int32)
        return bool((differing <= NEAR * BITS).any())


def _energies(samples: Samples) -> npt.NDArray[np.float64]:
    """Power in each band of each frame: `[frames, 17]`."""
    if len(samples) < _WINDOW:
        return np.zeros((0, _BANDS + 1))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    edges = np.geomspace(_LOWEST, _HIGHEST, _BANDS + 2) * _WINDOW / INPUT_SAMPLE_RATE
    # Bands share the bins that lie across their edges, for the low ones are narrower than a few bins.
    below = np.clip(edges - np.arange(power.shape[1])[:, None], 0.0, 1.0)
    return np.asarray(power @ np.diff(below, axis=1))
