"""Whether a clip can be understood: it is listened to, and what was heard is compared with what it should say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from stepwave.data.records import ERRORS, HEARD, WORDS
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.prepare.engines.contract import SYNTHESIS_RATE, Samples
from stepwave.prepare.reading_along import LONGEST_SECONDS, Heard, ReadingAlong
from stepwave.prepare.transcribers import Transcriber, open_transcriber
from stepwave.signal.resample import resample
from stepwave.text.word_errors import WordErrors, normalised, word_errors

_SIGNS: Final = {"+": "plus", "=": "is", "%": "percent", "&": "and", "Alright": "all right", "alright": "all right"}


class Ear(Protocol):
    """Listens to what should say a text."""

    name: str

    def hear(self, samples: Samples, expected: str, language: str) -> Heard:
        """What is said in a sound `[n]` at 16 kHz."""
        ...


class PlainEar:
    """A transcriber, which does not need to know what should be said."""

    def __init__(self, transcriber: Transcriber) -> None:
        self.transcriber, self.name = transcriber, transcriber.name

    def hear(self, samples: Samples, expected: str, language: str) -> Heard:
        """See `Ear.hear`."""
        return Heard(self.transcriber.hear(samples, language), True)


def open_ear(spec: str) -> Ear:
    """`along:FOLDER` reads along by Whisper base in that folder; anything else is a transcriber's name.

    Raises what opening it raises.
    """
    kind, _, folder = spec.partition(":")
    return ReadingAlong.open(Path(folder)) if kind == "along" else PlainEar(open_transcriber(spec))


@dataclass(frozen=True)
class Verdict:
    """What the check says of a clip."""

    heard: Heard
    errors: WordErrors

    def passes(self, limit: float) -> bool:
        """Whether it was heard to its end with at most `limit` errors a word."""
        return self.heard.complete and self.errors.errors <= limit * self.errors.words

    def attributes(self) -> dict[str, Any]:
        """For the clip's attributes."""
        return {HEARD: self.heard.text, ERRORS: self.errors.errors, WORDS: self.errors.words}


def listen(ear: Ear, samples: Samples, text: str, language: str) -> Verdict:
    """Check a clip `[n]` at 24 kHz that should say `text`. Raises MissingExtraError."""
    if len(samples) > LONGEST_SECONDS * SYNTHESIS_RATE:
        heard = Heard("", False)
    else:
        heard = ear.hear(resample(samples, SYNTHESIS_RATE, INPUT_SAMPLE_RATE), text, language)
    return Verdict(heard, _errors(text, heard.text, language))


def _errors(text: str, heard: str, language: str) -> WordErrors:
    """Word errors, but none where the two sound alike: "wood cutters", "alright", "five plus three", "5 + 3"."""
    said, written = (_as_spoken(each, language) for each in (text, heard))
    counted = word_errors(said, written, language)
    joined = [normalised(each, language).replace(" ", "") for each in (said, written)]
    return WordErrors(counted.words, 0, 0, 0) if joined[0] == joined[1] else counted


def _as_spoken(text: str, language: str) -> str:
    """English signs that a transcript has for words."""
    if language != "en":
        return text
    for sign, words in _SIGNS.items():
        text = text.replace(sign, f" {words} ")
    return text
