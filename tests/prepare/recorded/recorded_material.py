"""Generated recordings, manifests of them, steps run over them, and a listener that needs no model.

A module and not fixtures, because worker processes import the step with the listener by name.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from stepwave.data.manifests import MANIFEST, read_manifest, write_line
from stepwave.data.records import Clip, Record, Turn
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step
from stepwave.prepare.pipeline.steps import Step
from stepwave.prepare.recorded.transcribe import Transcribe
from stepwave.prepare.transcribers import Transcriber
from stepwave.signal.files import write_audio
from stepwave.signal.resample import Samples

RATE = 16_000


@lru_cache(maxsize=256)
def babble(seconds: float, seed: int = 0, pitch: float = 120.0) -> np.ndarray:
    """Like speech to a measure: a harmonic tone through moving resonances, syllables of a quarter of a second."""
    generator = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    knots = max(2, round(seconds * 4))
    places = np.linspace(0, seconds, knots)
    rise = np.interp(times, places, generator.uniform(0.8, 1.3, knots))
    phase = 2 * np.pi * np.cumsum(pitch * rise) / RATE
    first = np.interp(times, places, generator.uniform(300, 900, knots))
    second = np.interp(times, places, generator.uniform(1_000, 3_000, knots))
    sound = np.zeros_like(times)
    for harmonic in range(1, 28):
        hertz = harmonic * pitch
        sound += (np.exp(-(((hertz - first) / 200) ** 2)) + 0.5 * np.exp(-(((hertz - second) / 300) ** 2))) * np.sin(
            harmonic * phase
        )
    # The mouth closes between syllables, but not for as long as a pause lasts.
    envelope = np.abs(np.sin(np.pi * 4 * times)) ** 0.3
    made = (0.25 * sound * envelope / max(1e-9, np.abs(sound).max())).astype(np.float32)
    made.flags.writeable = False  # one array serves all who ask for the same
    return made


def silence(seconds: float, seed: int = 9) -> np.ndarray:
    """A quiet room, at about -70 dBFS."""
    return (3e-4 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def recording(
    path: Path, samples: np.ndarray | None = None, text: str = "", *, rate: int = RATE, name: str = "", **given: Any
) -> Record:
    """A `speech` record; its sound is written to `path` unless there is none."""
    if samples is not None:
        write_audio(path, samples, rate)
    known = {key: given.pop(key) for key in ("start", "seconds", "voice", "attributes") if key in given}
    if samples is not None:
        known.setdefault("seconds", len(samples) / rate)
    name = name or path.stem
    turn = Turn("human", text, Clip(name, str(path), **known), spoken=True, language=given.pop("language", "en"))
    return Record(name, "speech", (turn,), source="generated", licence="CC0-1.0", **given)


class Bench:
    """Writes manifests and runs steps over them inside this process, or wherever it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def manifest(self, records: Sequence[Record]) -> Path:
        folder = self.new("material")
        folder.mkdir()
        (folder / MANIFEST).write_text("".join(write_line(record, folder) for record in records), encoding="utf-8")
        return folder

    def new(self, name: str) -> Path:
        self.count += 1
        return self.folder / f"{name}-{self.count}"

    def run(self, step: Step, processes: int = 0) -> "Result":
        to = self.new(step.name)
        for _ in run_step(step, to, Processes(processes)):
            pass
        return Result(to)


class Result:
    """What a step left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = list(read_manifest(folder))
        self.dropped: dict[str, int] = read_totals(folder)["dropped"]
        lines = (folder / "dropped.jsonl").read_text(encoding="utf-8").splitlines()
        self.why = {line["id"]: line["reason"] for line in map(json.loads, lines)}

    @property
    def bytes(self) -> tuple[bytes, bytes]:
        return (self.folder / MANIFEST).read_bytes(), (self.folder / "dropped.jsonl").read_bytes()


class Counting:
    """Writes how many tenths of a second it heard, as words; nothing for a sound under a fifth of full scale."""

    name = "counting 1"

    def __init__(self) -> None:
        self.batches: list[tuple[int, str]] = []

    def hear(self, samples: Samples, language: str = "en") -> str:
        return self.hear_many([samples], language)[0]

    def hear_many(self, sounds: Sequence[Samples], language: str = "en") -> list[str]:
        self.batches.append((len(sounds), language))
        for samples in sounds:
            if samples.dtype != np.float32 or samples.ndim != 1:
                raise ValueError(f"wanted float32 [n], got {samples.dtype} {samples.shape}")
            if len(samples) == 4_800:
                raise RuntimeError("this length breaks the listener")
        loud = [float(np.abs(samples).max()) > 0.2 for samples in sounds]
        words = {"zh": "十", "en": " tenth"}
        return [
            words[language] * (len(samples) // 1_600) * sounded for samples, sounded in zip(sounds, loud, strict=True)
        ]


@dataclass(frozen=True)
class CountingTranscribe(Transcribe):
    """`transcribe` with that listener."""

    def listener(self) -> Transcriber:
        return Counting()
