"""A small picture of a sound: a mel spectrogram as PNG, written without a library for pictures.

All pictures share one scale of levels and frequencies, so that a quiet, a clipped or a telephone recording is seen as
such. The colour lies in the palette's opacity: the picture fits a light page and a dark one.
"""

import struct
import zlib
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.signal.mel import mel_bank
from stepwave.signal.resample import Samples

BANDS: Final = 48
COLUMNS: Final = 320
"""Of a picture at most; a shorter sound has one each `LEAST_HOP` samples."""
WINDOW: Final = 1024
LEAST_HOP: Final = 240
QUIETEST, LOUDEST = -85.0, -20.0
"""Levels in dB that are drawn as nothing and as full colour; 0 dB is a sine of full scale."""
SHADES: Final = 16
COLOUR: Final = (0x1F, 0x7A, 0x8C)


def spectrogram(samples: Samples) -> bytes:
    """PNG of a sound `[n]` at 24 kHz, n >= 1: low frequencies at the bottom, 12 kHz at the top."""
    levels = (_levels(samples) - QUIETEST) / (LOUDEST - QUIETEST)
    shades = np.clip(np.rint(levels * (SHADES - 1)), 0, SHADES - 1).astype(np.uint8)
    return _png(shades[::-1])


def _levels(samples: Samples) -> NDArray[np.float64]:
    """Mean power by band and column, in dB: [BANDS, columns]."""
    columns = int(min(COLUMNS, max(1, len(samples) // LEAST_HOP)))
    padded = np.pad(samples, WINDOW // 2)
    starts = np.linspace(0, max(0, len(samples) - 1), columns).astype(np.int64)
    # A column stands for all of its stretch: where columns are far apart, several windows share one.
    repeats = max(1, round(len(samples) / columns / (WINDOW / 2)))
    power = np.zeros((columns, WINDOW // 2 + 1))
    window = np.hanning(WINDOW).astype(np.float32)
    for each in range(repeats):
        shifted = np.minimum(starts + each * (WINDOW // 2), len(samples) - 1)
        frames = padded[shifted[:, None] + np.arange(WINDOW)] * window
        power += np.abs(np.fft.rfft(frames) / (window.sum() / 2)) ** 2 / repeats
    levels: NDArray[np.float64] = 10 * np.log10(_bank() @ power.T + 1e-12)
    return levels


@cache
def _bank() -> NDArray[np.float64]:
    bank = mel_bank(OUTPUT_SAMPLE_RATE, WINDOW, BANDS, OUTPUT_SAMPLE_RATE / 2).numpy().astype(np.float64)
    normalised: NDArray[np.float64] = bank / np.maximum(bank.sum(axis=1, keepdims=True), 1e-12)
    return normalised


def _png(shades: NDArray[np.uint8]) -> bytes:
    """An indexed picture of 4 bits a pixel, `shades` [rows, columns] from 0 to 15."""
    rows, columns = shades.shape
    even = np.pad(shades, ((0, 0), (0, columns % 2)))
    packed = (even[:, ::2] << 4) | even[:, 1::2]
    lines = np.pad(packed, ((0, 0), (1, 0)))  # each line begins with its filter: 0, none
    opacity = bytes(round(255 * shade / (SHADES - 1)) for shade in range(SHADES))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 4, 3, 0, 0, 0)),
        (b"PLTE", bytes(COLOUR) * SHADES),
        (b"tRNS", opacity),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
