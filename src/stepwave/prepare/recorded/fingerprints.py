"""Fingerprints by which the same sound is known again after another encoding, another level or other silence around it.

After Haitsma and Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): a bit says whether the difference
of energy between neighbouring bands grows or falls from one moment to the next. Departures: the moments are not a fixed
time apart but divide a whole utterance, from its first to its last hundredth of energy, into equal stretches; so it is
utterances that are compared, not excerpts, and an utterance and a part of it are two sounds.
"""

from array import array
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

_BUCKET_SECONDS = 0.5  # fingerprints are looked for among those of about the same length
_TABLE_BITS = 22
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2 ** 64 by the golden ratio
_NONE = -1


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
    """Fingerprints seen so far.

    Only those are compared bit by bit that are about as long and agree in all bits of some moment. They are found by a
    table of chains, and each hangs in one chain for every moment. For 100,000: 17 s of one core, 30 MB.
    """

    def __init__(self) -> None:
        # Arrays and not lists in a dictionary, which would take ten times the memory.
        self._last = array("i", [_NONE]) * 2**_TABLE_BITS  # by slot: the last link of its chain
        self._before, self._owners = array("i"), array("i")  # by link: the one before it, and whose it is
        self._seconds = array("f")
        self._bits: list[int] = []

    def seen(self, written: str) -> bool:
        """Whether the same sound was seen before; it is remembered where not. Never for ""."""
        if not written:
            return False
        milliseconds, _, digits = written.partition("-")
        seconds, bits = int(milliseconds) / 1000, int(digits, 16)
        words = np.frombuffer(bytes.fromhex(digits), ">u2").astype(np.uint64)
        slack = SLACK_SECONDS + DRIFT * seconds
        lowest, highest = (int((seconds + shift) / _BUCKET_SECONDS) for shift in (-slack, slack))
        for bucket in range(lowest, highest + 1):
            for number in self._alike(words, bucket):
                near = abs(self._seconds[number] - seconds) <= slack
                if near and (self._bits[number] ^ bits).bit_count() <= NEAR * BITS:
                    return True
        for slot in _slots(words, int(seconds / _BUCKET_SECONDS)):
            self._before.append(self._last[slot])
            self._owners.append(len(self._bits))
            self._last[slot] = len(self._before) - 1
        self._seconds.append(seconds)
        self._bits.append(bits)
        return False

    def _alike(self, words: npt.NDArray[np.uint64], bucket: int) -> set[int]:
        """Numbers of the fingerprints in the chains of these words."""
        found = set()
        for slot in _slots(words, bucket):
            link = self._last[slot]
            while link != _NONE:
                found.add(self._owners[link])
                link = self._before[link]
        return found


def _slots(words: npt.NDArray[np.uint64], bucket: int) -> list[int]:
    """A slot of the table for the 16 bits of each moment: moment, bits and length together, by Fibonacci hashing."""
    keys = (np.uint64(bucket * _MOMENTS) + np.arange(_MOMENTS, dtype=np.uint64)) << np.uint64(_BANDS) | words
    # A moment of silence has no bit set in any utterance, and would hang them all in one chain.
    sounding = keys[words != 0] if words.any() else keys[:1]
    return [int(slot) for slot in (sounding * _GOLDEN) >> np.uint64(64 - _TABLE_BITS)]


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
