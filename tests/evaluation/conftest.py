"""A model and a listener that stand in at the edges: sounds are told apart by their length, so words can be known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from stepwave.evaluation.answers import Item, Produced
from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.figures import Measure, Target
from stepwave.evaluation.scoring.measures import read_back, transcript
from stepwave.facts.errors import CheckpointIncompleteError
from stepwave.facts.events import AudioDelta, Event, Finished, SpeechDelta, TextDelta
from stepwave.signal.files import write_audio
from stepwave.signal.resample import Samples


def tone(tenths: int, rate: int) -> Samples:
    """A tone of so many tenths of a second."""
    return np.sin(np.arange(tenths * rate // 10) * 0.05).astype(np.float32) * 0.3


@dataclass
class FakeModel:
    """Transcribes, says and answers what it was told to; fails where it was told to."""

    name: str = "fake"
    revision: str = "r1"
    texts: list[str] = field(default_factory=list)
    """What it transcribes, in the order it is asked."""
    broken: set[str] = field(default_factory=set)
    """Texts it can't say."""
    lacking: set[str] = field(default_factory=set)
    """Tasks it has no part for."""
    asked: list[str] = field(default_factory=list)
    begun: list[tuple[str, int]] = field(default_factory=list)

    def begin(self, task: str, seed: int) -> None:
        if task in self.lacking:
            raise CheckpointIncompleteError(f"no part for {task}")
        self.begun.append((task, seed))

    def transcribe(self, samples: Samples) -> Produced:
        self.asked.append(f"{len(samples)} samples")
        return Produced(self.texts.pop(0))

    def say(self, text: str, voice: str | None = None) -> Produced:
        self.asked.append(text if voice is None else f"{text} ({voice})")
        if text in self.broken:
            raise RuntimeError("no breath left")
        return Produced(text, sound=tone(len(text.split()) + (voice is not None), 24_000))

    def reply(self, samples: Samples) -> Produced:
        return Produced("It is noon.", "What time is it?", tone(3, 24_000), cut=True)

    def stream(self, samples: Samples) -> Iterator[Event]:
        self.asked.append(f"{len(samples)} samples")
        yield TextDelta("It is")
        yield SpeechDelta((1, 2))
        yield AudioDelta(tone(0, 24_000), 24_000)
        yield AudioDelta(tone(2, 24_000), 24_000)
        yield TextDelta(" noon.")
        yield AudioDelta(tone(1, 24_000), 24_000)
        yield Finished("stop", 3, 2, 1.0)

    def vocode(self, samples: Samples) -> Samples:
        return samples * 0.5

    def resynthesise(self, samples: Samples) -> Samples:
        return tone(2, 24_000)


@dataclass
class FakeListener:
    """Hears the words listed for a sound's length in tenths of a second, counting how often it listens."""

    words: dict[int, str]
    name: str = "ears"
    listened: int = 0

    def hear(self, samples: Samples) -> str:
        self.listened += 1
        return self.words[round(len(samples) / 1_600)]


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def listener_of() -> Callable[[dict[int, str]], FakeListener]:
    return FakeListener


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """Half a second of a tone at 16 kHz."""
    path = tmp_path / "recording.wav"
    write_audio(path, tone(5, 16_000), 16_000)
    return str(path)


@pytest.fixture
def saying() -> Check:
    """Two sentences to be said."""
    items = [Item("one", "good morning"), Item("two", "see you soon")]
    measures = (Measure("word error", read_back, target=Target(10)),)
    return Check("saying", "read aloud", "two sentences", lambda places: items, "say", measures)


@pytest.fixture
def suite(saying: Check, recording: str) -> Suite:
    """The sentences, and a recording to be transcribed."""
    items = [Item("r", "hello there", recording)]
    written = Check(
        "writing", "transcription", "a tone", lambda places: items, "transcribe", (Measure("word error", transcript),)
    )
    return Suite("small", "two checks", (saying, written))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "checks")
