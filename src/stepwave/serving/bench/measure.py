"""Measures a server with one number of simulated speakers after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from stepwave.facts.errors import ConfigError
from stepwave.serving.bench.line import Place
from stepwave.serving.bench.recordings import Recording
from stepwave.serving.bench.speaker import Habits, Log, Speaker
from stepwave.serving.bench.watch import Sample, Usage, watch

MOST_SPEAKERS: Final = 256


@dataclass(eq=False)
class Level:
    """What was measured with one number of speakers."""

    speakers: int
    log: Log = field(default_factory=Log)
    samples: list[Sample] = field(default_factory=list)
    """The server's usage; empty where it can't be seen."""
    seconds: float = 0.0
    """How long it took."""
    own_cpu_seconds: float = 0.0
    """Processor time of the simulation itself."""
    interrupted: bool = False
    """Whether Ctrl-C ended it."""


def check_speakers(counts: Sequence[int]) -> None:
    """Raise ConfigError unless each number of speakers can be simulated."""
    for count in counts:
        if not 0 < count <= MOST_SPEAKERS:
            raise ConfigError(f"got {count} speakers; wanted 1 to {MOST_SPEAKERS}")


async def measure(
    place: Place,
    look: Callable[[], Usage | None],
    speakers: Sequence[int],
    recordings: Sequence[Recording],
    habits: Habits,
    told: Callable[[Level], None] = lambda level: None,
) -> list[Level]:
    """Let so many speakers talk, for each number in turn.

    Args:
        place: the server.
        look: where its usage comes from; called in a thread.
        speakers: how many at once.
        recordings: what they say.
        habits: how they behave.
        told: called when a level begins and after each of its turns.

    Returns:
        A level for each number; fewer where it was cancelled, the last of them then marked.

    Raises:
        ConfigError: a number of speakers out of bounds.
        ServiceError: the server can't be reached, or does not let us in.
    """
    check_speakers(speakers)
    levels: list[Level] = []
    for count in speakers:
        levels.append(Level(count))
        await _measure(levels[-1], place, look, recordings, habits, told)
        if levels[-1].interrupted:
            break
    return levels


async def _measure(
    level: Level,
    place: Place,
    look: Callable[[], Usage | None],
    recordings: Sequence[Recording],
    habits: Habits,
    told: Callable[[Level], None],
) -> None:
    log, cpu = level.log, time.process_time()
    told(level)
    people = [Speaker(number, place, recordings, habits, log, lambda: told(level)) for number in range(level.speakers)]
    watching = asyncio.create_task(watch(look, log.begun, habits.seconds, level.samples))
    talking = [asyncio.create_task(one.run()) for one in people]
    try:
        await asyncio.gather(*talking)
        usage = await asyncio.to_thread(look)
        if usage is not None:
            level.samples.append(Sample(time.monotonic() - log.begun, usage))
    except asyncio.CancelledError:
        level.interrupted = True
    finally:
        for task in (*talking, watching):
            task.cancel()
        await asyncio.gather(*talking, watching, return_exceptions=True)
        level.seconds = time.monotonic() - log.begun
        level.own_cpu_seconds = time.process_time() - cpu
