"""How answers' scores become one figure: averages with intervals, failures counted apart, targets met or not.

A measure scores each answer by itself, as an amount per something (errors per word, seconds per second of sound), from
what is stored. Averages of ratios are sums over sums, so that long texts weigh more. The ways of scoring an answer are
in `measures`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from stepwave.evaluation.answers import Answer, AnswerFile, UnscorableError
from stepwave.evaluation.scoring.listener import Listener
from stepwave.evaluation.scoring.metrics import Interval, median_interval, ratio, ratio_interval
from stepwave.evaluation.scoring.voice_ear import VoiceEar
from stepwave.facts.errors import AudioError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples

Unit: TypeAlias = Literal["%", "points", "s", ""]
Average: TypeAlias = Literal["mean", "median", "worst"]


@dataclass(frozen=True)
class Score:
    """One answer's score: `amount` per `per`."""

    amount: float
    per: float = 1.0
    reference: str = ""
    """The text compared with, for those who want to see the errors."""
    hypothesis: str = ""
    """The text compared."""


@dataclass(frozen=True)
class Evidence:
    """What scoring may look at besides the record: the stored sounds, a listener to them, and one to voices."""

    file: AnswerFile
    listener: Listener
    voices: VoiceEar | None = None
    """None where no voices are compared."""

    def samples(self, sound: str | None) -> Samples:
        """A stored sound `[n]` at 16 kHz. Raises UnscorableError where there is none."""
        if sound is None:
            raise UnscorableError("there is no sound")
        return self.file.sound(sound)

    def likeness(self, sound: str | None, other: str | Path | None) -> float:
        """How alike two voices are, -1 to 1: the cosine of their embeddings. `other` may be a recording anywhere.

        Raises UnscorableError where there is no sound, or too little, and where nobody compares voices.
        """
        if self.voices is None:
            raise UnscorableError("nobody compares voices here")
        if isinstance(other, Path):
            compared = read_audio(other, sample_rate=INPUT_SAMPLE_RATE).samples
        else:
            compared = self.samples(other)
        return self.voices.likeness(self.samples(sound), compared)

    def words(self, sound: str | None) -> str:
        """What the listener hears in a stored sound; nothing where there is no sound."""
        return "" if sound is None else self.listener.hear(self.file.sound(sound))


@dataclass(frozen=True)
class Target:
    """The value a figure shall reach."""

    limit: float
    better: Literal["lower", "higher"] = "lower"

    def met(self, value: float) -> bool:
        """Whether `value` reaches it; NaN never does."""
        return value <= self.limit if self.better == "lower" else value >= self.limit


@dataclass(frozen=True)
class Measure:
    """A declared figure: how an answer is scored and how scores are averaged."""

    name: str
    """Shown in reports; unique within a check."""
    score: Callable[[Answer, Evidence], Score | None]
    """Scores one answer; None where the question has no place in this measure."""
    unit: Unit = "%"
    average: Average = "mean"
    target: Target | None = None
    """None for a figure that only informs."""

    @property
    def scale(self) -> float:
        """What a ratio is multiplied with for its unit."""
        return 100.0 if self.unit in ("%", "points") else 1.0


@dataclass(frozen=True)
class Figure:
    """One row of a report."""

    check: str
    name: str
    value: float
    """NaN where nothing could be scored."""
    unit: Unit
    interval: Interval | None
    """Where the average lies; None for a worst case."""
    n: int
    """Answers that took part, those that failed included."""
    failed: int
    """Of these, how many gave nothing to score: they are in no average, and no target is met with any."""
    target: Target | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached, with nothing failed; None without a target."""
        return None if self.target is None else self.failed == 0 and self.target.met(self.value)


@dataclass(frozen=True)
class ScoredItem:
    """An answer's score under one measure, or why it has none."""

    check: str
    measure: str
    item: str
    score: Score | None
    error: str = ""


def apply(
    measure: Measure, check: str, answers: Sequence[Answer], evidence: Evidence
) -> tuple[Figure, list[ScoredItem]]:
    """One figure over all answers of a check, and the scores it is made of."""
    scored = [each for each in (_score(measure, check, answer, evidence) for answer in answers) if each is not None]
    scores = [each.score for each in scored if each.score is not None]
    amounts, pers = [score.amount for score in scores], [score.per for score in scores]
    interval: Interval | None
    if measure.average == "mean":
        value = ratio(amounts, pers) * measure.scale
        interval = ratio_interval(amounts, pers, scale=measure.scale)
    else:
        each = sorted(amount / per * measure.scale for amount, per in zip(amounts, pers, strict=True))
        if measure.average == "median":
            value, interval = _median(each), median_interval(each)
        else:
            value, interval = (each[-1] if each else float("nan")), None
    failed = len(scored) - len(scores)
    return Figure(check, measure.name, value, measure.unit, interval, len(scored), failed, measure.target), scored


def _score(measure: Measure, check: str, answer: Answer, evidence: Evidence) -> ScoredItem | None:
    if answer.status == "failed":
        return ScoredItem(check, measure.name, answer.item.id, None, answer.error)
    try:
        score = measure.score(answer, evidence)
    except (UnscorableError, AudioError) as failure:
        return ScoredItem(check, measure.name, answer.item.id, None, str(failure))
    return None if score is None else ScoredItem(check, measure.name, answer.item.id, score)


def _median(ordered: Sequence[float]) -> float:
    if not ordered:
        return float("nan")
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
