"""What the turns of one number of speakers come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stepwave.serving.bench.exchange import Turn
from stepwave.serving.bench.measure import Level
from stepwave.serving.bench.statistics import Slope, Spread, least, slope, spread

SECONDS_PER_HOUR = 3_600
MEGABYTE = 1e6
LEAST_HOURS = 1 / 6
"""What a shorter measurement sees is the server getting warm, and no growth an hour."""
STRETCH_HOURS = 1 / 60
"""Of each such stretch the least memory counts: what conversations take while they last is no growth."""


@dataclass(frozen=True)
class Underruns:
    """Gaps in what the simulated players played."""

    answers: int
    """Answers that had sound."""
    with_any: int
    """Of these had a gap."""
    count: int
    seconds: float

    @property
    def share(self) -> float | None:
        """Of answers, those with a gap; None without answers."""
        return self.with_any / self.answers if self.answers else None


@dataclass(frozen=True)
class BargeIns:
    """Answers that were spoken into."""

    how: dict[str, int]
    """Their number by what they came to (`exchange.HowStopped`)."""
    from_onset: Spread | None
    """Seconds until the answer stopped, of those that were cancelled or made already."""
    from_lasting: Spread | None


@dataclass(frozen=True)
class Memory:
    """Resident memory of the server, in bytes, as sampled."""

    start: int
    peak: int
    end: int
    megabytes_per_hour: Slope | None
    """How fast it grew; None for a short measurement."""


@dataclass(frozen=True)
class Figures:
    """Of one number of speakers. Times are in seconds."""

    speakers: int
    seconds: float
    interrupted: bool
    turns: int
    failed: dict[str, int]
    """Turns without an answer, by reason."""
    errors: dict[str, int]
    refused: dict[str, int]
    lost: int
    left: int
    first_audio: Spread | None
    """From the end of the speech to the first sound received."""
    first_audio_from_stopped: Spread | None
    """The same from `speech_stopped`."""
    turn_end: Spread | None
    """From the end of the speech to `speech_stopped`."""
    real_time_factor: Spread | None
    underruns: Underruns
    barge_ins: BargeIns
    memory: Memory | None
    server_cores: float | None
    """Processor time of the server by time that passed; None where it can't be seen."""
    own_cores: float
    """The same of the simulation."""
    microphone_most_late: float
    """The longest that a message left after its time: above some hundredths the simulation itself was short of time."""


def figures_of(level: Level) -> Figures:
    """Reckon them."""
    log = level.log
    answered = [turn for turn in log.turns if turn.failure is None]
    barged = [turn.barge_in for turn in answered if turn.barge_in is not None]
    return Figures(
        level.speakers,
        level.seconds,
        level.interrupted,
        len(log.turns),
        dict(Counter(turn.failure for turn in log.turns if turn.failure is not None)),
        dict(log.errors),
        dict(log.refused),
        log.lost,
        log.left,
        _spread(answered, lambda turn: turn.first_audio),
        _spread(answered, lambda turn: turn.first_audio_from_stopped),
        _spread(log.turns, lambda turn: turn.speech_stopped),
        _spread(answered, lambda turn: turn.real_time_factor),
        _underruns(answered),
        BargeIns(
            dict(Counter(one.how for one in barged)),
            spread([one.from_onset for one in barged if one.from_onset is not None]),
            spread([one.from_lasting for one in barged if one.from_lasting is not None]),
        ),
        _memory(level),
        _cores(level),
        level.own_cpu_seconds / level.seconds if level.seconds else 0.0,
        log.most_late,
    )


def _spread(turns: Iterable[Turn], of: Callable[[Turn], float | None]) -> Spread | None:
    return spread([value for turn in turns if (value := of(turn)) is not None])


def _underruns(answered: list[Turn]) -> Underruns:
    gaps = [gap for turn in answered for gap in turn.underruns]
    return Underruns(len(answered), sum(bool(turn.underruns) for turn in answered), len(gaps), sum(gaps))


def _memory(level: Level) -> Memory | None:
    if not level.samples:
        return None
    resident = [sample.usage.resident for sample in level.samples]
    hours = [sample.at / SECONDS_PER_HOUR for sample in level.samples]
    long = hours[-1] - hours[0] >= LEAST_HOURS
    growth = slope(*least(hours, [one / MEGABYTE for one in resident], STRETCH_HOURS)) if long else None
    return Memory(resident[0], max(resident), resident[-1], growth)


def _cores(level: Level) -> float | None:
    if len(level.samples) < 2:
        return None
    first, last = level.samples[0], level.samples[-1]
    return (last.usage.cpu_seconds - first.usage.cpu_seconds) / (last.at - first.at)
