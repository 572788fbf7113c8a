"""Questions, a model that answers them as it is told to, and somebody who listens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.data.manifests import MANIFEST, write_line
from stepwave.data.records import Clip, Record, Turn
from stepwave.dialogue.results import Reply, Timings
from stepwave.facts.conversation import TextPart
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step


def run(step: Any, folder: Path) -> dict[str, Any]:
    """Runs a step inside this process; gives its report."""
    list(run_step(step, folder, Processes(0)))
    return read_totals(folder)


@dataclass
class Scripted:
    """A model that gives the answers it was told, in turn; an answer is its text, seconds of sound, and reason."""

    answers: Sequence[tuple[str, float, Any]]
    asked: list[Any] = field(default_factory=list)
    options: list[dict[str, Any]] = field(default_factory=list)

    def reply(self, audio: Any, **options: Any) -> Reply:
        text, seconds, reason = self.answers[len(self.asked) % len(self.answers)]
        self.asked.append(audio.text if isinstance(audio, TextPart) else audio)
        self.options.append(options)
        samples = np.full(round(24_000 * seconds), 0.1, np.float32)
        return Reply(None, text, samples, 24_000, reason, Timings(None, 0.0, None))


@dataclass
class Listens:
    """A transcriber that hears what it was told for a sound of so many tenths of a second."""

    heard: dict[int, str]
    name: str = "told"

    def hear(self, samples: Any, language: str = "en") -> str:
        return self.heard[round(len(samples) / 1_600)]

    def hear_many(self, sounds: Any, language: str = "en") -> list[str]:
        return [self.hear(samples, language) for samples in sounds]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Sequence[Record]], Path]:
    """Stores records as a manifest; gives its folder."""

    def written(records: Sequence[Record]) -> Path:
        folder = tmp_path / "questions"
        folder.mkdir()
        (folder / MANIFEST).write_text("".join(write_line(record, folder) for record in records))
        return folder

    return written


@pytest.fixture
def spoken(tmp_path: Path) -> Clip:
    """The clip of a question: half a second at 16 kHz."""
    soundfile.write(tmp_path / "question.flac", np.full(8_000, 0.2), 16_000)
    return Clip("question", str(tmp_path / "question.flac"), seconds=0.5, voice="tones/q")


def question(name: str = "q1", clip: Clip | None = None, answer: str = "It is six o'clock.") -> Record:
    """A conversation of one exchange."""
    turns = (
        Turn("human", "What time is it?", clip, clip is not None, "en"),
        Turn("assistant", answer, language="en"),
    )
    return Record(name, "conversation", turns, "made", "CC0", "test")
