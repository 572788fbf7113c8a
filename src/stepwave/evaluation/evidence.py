"""What scoring an answer may look at besides its record: the stored sounds, and the parts that help scoring."""

from dataclasses import dataclass
from pathlib import Path

from stepwave.evaluation.answers import Answer, AnswerFile, UnscorableError
from stepwave.evaluation.scoring.parts import Parts, Verdict
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples


@dataclass(frozen=True)
class Evidence:
    """Of one check."""

    file: AnswerFile
    parts: Parts

    def samples(self, sound: str | None) -> Samples:
        """A stored sound `[n]` at 16 kHz. Raises UnscorableError where there is none."""
        if sound is None:
            raise UnscorableError("there is no sound")
        return self.file.sound(sound)

    def words(self, sound: str | None, language: str = "en") -> str:
        """What the listener hears in a stored sound; nothing where there is no sound."""
        return "" if sound is None else self.parts.listener.hear(self.file.sound(sound), language)

    def spoken(self, answer: Answer) -> str:
        """The answer in words: what the listener hears in its sound, or its text where it has none."""
        return answer.text if answer.sound is None else self.words(answer.sound, answer.item.answered_in)

    def verdict(self, question: str, reference: str, answer: str) -> Verdict:
        """The judge's. Raises UnscorableError where it can't be read, or where there is no judge."""
        if self.parts.judge is None:
            raise UnscorableError("there is no judge; name one with --judge and score the run again")
        return self.parts.judge.judge(question, reference, answer)

    def likeness(self, sound: str | None, other: str | Path | None) -> float:
        """How alike two voices are, -1 to 1: the cosine of their embeddings. `other` may be a recording anywhere.

        Raises UnscorableError where there is no sound, or too little, and where nobody compares voices.
        """
        if self.parts.voices is None:
            raise UnscorableError("nobody compares voices here")
        if isinstance(other, Path):
            compared = read_audio(other, sample_rate=INPUT_SAMPLE_RATE).samples
        else:
            compared = self.samples(other)
        return self.parts.voices.likeness(self.samples(sound), compared)
