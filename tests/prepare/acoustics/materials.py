"""Material of tones and pulses, the records that name it, and manifests of them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stepwave.data.manifests import MANIFEST, write_line
from stepwave.data.records import Clip, Record, Turn

RATE = 16_000
TONES: Mapping[str, float] = {"dog": 500.0, "rooster": 800.0, "rain": 1_250.0, "clock_tick": 2_000.0, "siren": 3_150.0}
"""A label for each pitch, so that a test can hear what is where in a mix."""


def tone(hertz: float, seconds: float, level: float = 0.1, rate: int = RATE) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def pulses(hertz: float, seconds: float, rate: int = 24_000) -> np.ndarray:
    """A voice of glottal pulses through two resonances."""
    length = round(seconds * rate)
    source = np.zeros(length)
    source[np.round(np.arange(0, seconds * hertz) * rate / hertz).astype(int).clip(max=length - 1)] = 1.0
    spectrum = np.fft.rfft(source)
    frequencies = np.fft.rfftfreq(length, 1 / rate)
    for formant, width in ((600.0, 90.0), (1_500.0, 120.0)):
        spectrum /= 1 - (frequencies / formant) ** 2 + 1j * frequencies * width / formant**2
    voice = np.fft.irfft(spectrum / (1 + frequencies / 300.0), length)
    return (0.3 * voice / np.abs(voice).max()).astype(np.float32)


def level_at(samples: np.ndarray, hertz: float, start: float, end: float) -> float:
    """Level in dBFS of one pitch between two times."""
    inside = samples[round(start * RATE) : round(end * RATE)]
    times = np.arange(len(inside)) / RATE
    window = np.hanning(len(inside))
    amplitude = 2 * abs(np.sum(inside * window * np.exp(-2j * np.pi * hertz * times))) / window.sum()
    return float(20 * np.log10(amplitude / np.sqrt(2) + 1e-9))


def a_weight(hertz: float) -> float:
    squared = hertz**2
    ratio = 12_194.217**2 * squared**2 / ((squared + 20.598997**2) * (squared + 12_194.217**2))
    return float(20 * np.log10(ratio / np.sqrt((squared + 107.65265**2) * (squared + 737.86223**2))) + 2.0)


def sound_record(name: str, label: str, file: Path, split: str = "train") -> Record:
    turn = Turn("human", clip=Clip(name, str(file)), spoken=True)
    return Record(name, "sound", (turn,), "tones", "CC0", split, {"labels": [label]})


def speech_record(name: str, text: str, file: Path, attributes: Mapping[str, object] = {}) -> Record:
    clip = Clip(name, str(file), voice=f"tones/{name}", attributes=attributes)
    return Record(name, "speech", (Turn("human", text, clip, spoken=True, language="en"),), "voices", "CC BY 4.0")


def write_manifest(folder: Path, records: list[Record]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_text("".join(write_line(record, folder) for record in records))
    return folder
