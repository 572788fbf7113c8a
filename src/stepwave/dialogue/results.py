"""What a finished reply, reading or transcription holds. Plain data, no models."""

from __future__ import annotations

from dataclasses import dataclass

from stepwave.facts.events import FinishReason
from stepwave.signal.resample import Samples
from stepwave.tools.runner import ToolOutcome


@dataclass(frozen=True)
class Timings:
    """Seconds that a reply took, from the moment its question was there and its voice was ready."""

    first_sound: float | None
    """Until the first samples of the answer; None where there are none."""
    answer: float
    """Until the last of the answer."""
    transcript: float | None
    """Writing down the question, which comes after the answer; None where that was not asked for."""


@dataclass(frozen=True)
class Round:
    """What was said in one go, and the tools that were called at its end. Times are seconds as in `Timings`."""

    text: str
    """The words; "" where tools were called without any."""
    began: float
    """When the model could begin: 0 for the first round, later when the last result was there."""
    answered: float
    """When the last of it came; the calls follow, one after the other."""
    calls: tuple[ToolOutcome, ...] = ()
    """The calls with their results; the last round has some only if the model called where it no longer could."""


@dataclass(frozen=True, eq=False)
class Reply:
    """An answer to a recorded question."""

    heard: str | None
    """The question's words; None where they were not asked for."""
    text: str
    """The answer's words."""
    samples: Samples
    """The answer's sound, mono float32 [n]; n is 0 for an answer in writing."""
    sample_rate: int
    """Its samples per second."""
    reason: FinishReason
    """Why the answer ended: "stop" by itself, "length" at a bound, "interrupted" by the caller."""
    timings: Timings
    """How long it took."""
    rounds: tuple[Round, ...] = ()
    """The answer in order: one round, and another after each in which tools were called."""

    @property
    def seconds(self) -> float:
        """How long the answer's sound lasts."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True, eq=False)
class Reading:
    """A text read aloud."""

    samples: Samples
    """Mono float32 [n]."""
    sample_rate: int
    """Samples per second."""
    cut: tuple[str, ...]
    """Pieces of the text whose sound ran into a bound, even when tried again: words may be missing there."""

    @property
    def seconds(self) -> float:
        """How long the sound lasts."""
        return len(self.samples) / self.sample_rate
