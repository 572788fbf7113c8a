"""A subject and a listener that stand in at the edges, with answers and mistakes that are known beforehand."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.answers import Produced
from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.figures import Measure, Target
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.question import Question
from stepwave.evaluation.scoring.measures import read_back, transcript
from stepwave.evaluation.scoring.parts import Parts
from stepwave.facts.errors import CheckpointIncompleteError
from stepwave.signal.files import write_audio
from stepwave.signal.resample import Samples

SPOKEN = ("speech", "spoken_translation", "reading")


def tone(tenths: int, rate: int) -> Samples:
    """A tone of so many tenths of a second."""
    return np.sin(np.arange(tenths * rate // 10) * 0.05).astype(np.float32) * 0.3


@dataclass
class ScriptedSubject:
    """Answers items as it was told to; what it says aloud, `ears` hears, with mistakes where they were asked for."""

    answers: dict[str, Any] = field(default_factory=dict)
    """By item id: a text, a whole `Produced`, an exception to raise, or a function of the question to one of these.
    For other items it reads aloud what it shall, and answers with the words of the question."""
    misheard: dict[str, str] = field(default_factory=dict)
    """What `ears` hears in place of what was said."""
    lacking: set[str] = field(default_factory=set)
    """What it can't give."""
    name: str = "scripted"
    revision: str = "r1"
    facts: dict[str, Any] = field(default_factory=lambda: {"kind": "scripted"})
    at_once: int = 1
    asked: list[Question] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    said: list[tuple[str, str | None]] = field(default_factory=list)
    """Texts and voices; the place of one tells the length of its sound."""
    lock: Any = field(default_factory=threading.Lock)

    def prepare(self, wanted: str) -> None:
        if wanted in self.lacking:
            raise CheckpointIncompleteError(f"no part for {wanted}")
        self.prepared.append(wanted)

    def ask(self, question: Question) -> Produced:
        with self.lock:
            self.asked.append(question)
        given = self.answers.get(question.item, question.last.text)
        if callable(given):
            given = given(question)
        if isinstance(given, Exception):
            raise given
        if isinstance(given, Produced):
            return given
        return Produced(given, sound=self.sound(given, question.voice) if question.wanted in SPOKEN else None)

    def sound(self, text: str, voice: str | None = None) -> Samples:
        """The sound of a text: as many tenths of a second as texts were said by then, and one."""
        with self.lock:
            if (text, voice) not in self.said:
                self.said.append((text, voice))
            return tone(self.said.index((text, voice)) + 2, 24_000)

    def vocode(self, samples: Samples) -> Samples:
        return samples * 0.5

    def resynthesise(self, samples: Samples) -> Samples:
        return tone(2, 24_000)

    @property
    def ears(self) -> "ScriptedEars":
        return ScriptedEars(self)


@dataclass
class ScriptedEars:
    """Hears what a scripted subject said, counting how often it listens."""

    subject: ScriptedSubject
    name: str = "ears"
    listened: int = 0

    def hear(self, samples: Samples, language: str = "en") -> str:
        self.listened += 1
        text, _ = self.subject.said[round(len(samples) / 1_600) - 2]
        return self.subject.misheard.get(text, text)


@dataclass
class FakeListener:
    """Hears the words listed for a sound's length in tenths of a second, counting how often it listens."""

    words: dict[int, str]
    name: str = "ears"
    listened: int = 0

    def hear(self, samples: Samples, language: str = "en") -> str:
        self.listened += 1
        return self.words[round(len(samples) / 1_600)]


@pytest.fixture
def scripted() -> type[ScriptedSubject]:
    """The class, for tests that write a script of their own."""
    return ScriptedSubject


@pytest.fixture
def model() -> ScriptedSubject:
    return ScriptedSubject()


@pytest.fixture
def parts_of() -> Callable[[ScriptedSubject], Parts]:
    """Scoring that hears what a scripted subject said."""
    return lambda subject: Parts(subject.ears)


@pytest.fixture
def listener_of() -> Callable[[dict[int, str]], FakeListener]:
    return FakeListener


@pytest.fixture
def recording(tmp_path: Path) -> Sound:
    """Half a second of a tone at 16 kHz."""
    path = tmp_path / "recording.wav"
    write_audio(path, tone(5, 16_000), 16_000)
    return Sound(str(path))


@pytest.fixture
def saying() -> Check:
    """Two sentences to be said."""
    items = [Item("one", "good morning"), Item("two", "see you soon")]
    measures = (Measure("word error", read_back, target=Target(10)),)
    return Check("saying", "read aloud", "two sentences", lambda places: items, "say", measures)


@pytest.fixture
def suite(saying: Check, recording: Sound) -> Suite:
    """The sentences, and a recording to be transcribed."""
    items = [Item("r", "hello there", recording)]
    written = Check(
        "writing", "transcription", "a tone", lambda places: items, "transcribe", (Measure("word error", transcript),)
    )
    return Suite("small", "two checks", (saying, written))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "data", tmp_path / "checks")
