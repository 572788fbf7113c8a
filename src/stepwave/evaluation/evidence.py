"""What scoring an answer may look at besides its record: the stored sounds, and the parts that help scoring."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from stepwave.evaluation.answers import Answer, AnswerFile, UnscorableError
from stepwave.evaluation.scoring.judge import Verdict
from stepwave.evaluation.scoring.judge_prompts import JUDGE_PROMPTS
from stepwave.evaluation.scoring.parts import Parts
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples


@dataclass(frozen=True)
class Evidence:
    """Of one check."""

    file: AnswerFile
    parts: Parts
    judged_twice: dict[tuple[str, ...], tuple[float, float]] = field(default_factory=dict)
    """The scores of the two judges, where there are two, by what they were asked: several measures may ask the same."""

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

    def spoken_rounds(self, answer: Answer) -> list[str]:
        """Every round of a conversation's answers in words, as `spoken` gives the last."""
        language = answer.item.answered_in
        before = [each.text if each.sound is None else self.words(each.sound, language) for each in answer.earlier]
        return [*before, self.spoken(answer)]

    def verdict(self, prompt: str, question: str, reference: str, answer: str, language: str = "en") -> Verdict:
        """The judge's verdict, by the prompt of that name. A second judge is asked too, where there is one.

        Raises UnscorableError where it can't be read, and where there is no judge, or none that can use the prompt. A
        second judge that gives no verdict fails nothing: its answers are compared where there are any.
        """
        if self.parts.judges is None:
            raise UnscorableError("there is no judge; name one with --judge and score the run again")
        asked = JUDGE_PROMPTS[prompt]
        verdict = self.parts.judges.judge(asked, language).judge(question, reference, answer)
        if self.parts.second is not None:
            with contextlib.suppress(UnscorableError):
                other = self.parts.second.judge(asked, language).judge(question, reference, answer)
                self.judged_twice[prompt, question, reference, answer, language] = (verdict.score, other.score)
        return verdict

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
