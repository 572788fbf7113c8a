import numpy as np
import pytest

from stepwave.evaluation.question import Question, Said
from stepwave.evaluation.subjects.whisper import TranscribingSubject
from stepwave.facts.errors import ConfigError
from stepwave.signal.resample import Samples


class Writer:
    """Writes down the language and the length that it is given."""

    name = "writer 1"

    def hear(self, samples: Samples, language: str = "en") -> str:
        return f"{language} {len(samples)}"

    def hear_many(self, sounds: list[Samples], language: str = "en") -> list[str]:
        return [self.hear(samples, language) for samples in sounds]


@pytest.fixture
def subject() -> TranscribingSubject:
    return TranscribingSubject(Writer(), "whisper:folder")


def test_it_writes_down_in_the_language_of_the_item(subject: TranscribingSubject) -> None:
    produced = subject.ask(Question("transcript", (Said("user", samples=np.ones(1_600, np.float32)),), language="de"))
    assert (produced.text, produced.prompt) == ("de 1600", "user: <sound 0.10 s>")
    assert (subject.name, subject.revision) == ("whisper:folder", "writer 1")


def test_it_can_do_nothing_else(subject: TranscribingSubject) -> None:
    subject.prepare("transcript")
    with pytest.raises(ConfigError, match="whisper:folder writes down speech"):
        subject.prepare("speech")
    with pytest.raises(ConfigError, match="item a has no recording to write down; give it a sound"):
        subject.ask(Question("transcript", (Said("user", "Hello?"),), item="a"))
