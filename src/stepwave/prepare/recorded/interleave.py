"""The step `interleave`: monologues whose utterances are sound or text in turn, and recordings that go on.

The report's utterance-level text-speech interleaved continuation (Step-Audio 2, section 3.2): the model learns that
what was said goes on in writing and the other way round. The report gives neither lengths nor how modes are drawn; both
are settings here. It uses speech-to-text continuation too, which is `written`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import ClassVar

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Step, Worker, drawing, one_by_one
from stepwave.prepare.recorded.neighbours import (
    LONGEST_PAUSE,
    assistant_turn,
    chains,
    going_on,
    loose_end,
    made_of,
    pause_between,
)
from stepwave.prepare.recorded.sounds import spoken_turn


@dataclass(frozen=True)
class Interleave(Step):
    """Makes `interleaved` and `continuation` records from neighbouring utterances of a recording with transcripts.

    Each utterance is used once. Modes change after a drawn number of utterances, so every monologue has both.
    """

    name: ClassVar[str] = "interleave"
    part_size: ClassVar[int] = 512
    source: Path
    """Manifest of utterances, as `segment` and those after it leave it."""
    seed: int = 0
    """What is drawn: stretches, modes, kinds."""
    longest: float = 60.0
    """Seconds of a monologue, as if all of it were spoken."""
    most: int = 8
    """Utterances of a monologue; how many is drawn between 2 and this."""
    longest_run: int = 2
    """Utterances after which the mode changes at the latest."""
    longest_pause: float = LONGEST_PAUSE
    """Seconds between utterances up to which the second goes on from the first."""
    continuations: float = 0.25
    """Share of stretches that become a `continuation` of two utterances."""
    written: float = 0.0
    """Share of continuations that go on in writing."""

    def __post_init__(self) -> None:
        if self.longest <= 0 or self.most < 2 or self.longest_run < 1 or self.longest_pause < 0:
            raise ConfigError(
                "wanted longest above 0 s, most at least 2, longest_run at least 1, longest_pause from 0 s"
            )
        if not 0 <= self.continuations <= 1 or not 0 <= self.written <= 1:
            raise ConfigError("continuations and written are shares; wanted 0 to 1")

    def rows(self) -> Iterable[Record]:
        """What is made, and the utterances of which nothing could be made."""
        for chain in chains(read_manifest(self.source), self.longest_pause):
            yield from self._made(chain)

    def open(self) -> Worker:
        """Opens nothing: all is done when rows are planned."""
        return one_by_one(self._work)

    def _made(self, chain: list[Record]) -> Iterator[Record]:
        left = chain
        while left:
            draw = drawing(self.seed, "interleave", left[0].id)
            goes_on = draw.random() < self.continuations
            stretch = self._stretch(left, 2 if goes_on else draw.randint(2, self.most))
            left = left[len(stretch) :]
            if len(stretch) < 2:
                yield stretch[0]
            elif goes_on:
                yield going_on(*stretch, written=draw.random() < self.written)
            else:
                yield self._interleaved(stretch, draw)

    def _stretch(self, left: list[Record], most: int) -> list[Record]:
        """The first of what is left, and as many after it as are wanted and fit."""
        seconds = 0.0
        for count, record in enumerate(left[:most]):
            seconds += record.seconds + (pause_between(left[count - 1], record) if count else 0.0)
            if seconds > self.longest:
                return left[: max(1, count)]
        return left[:most]

    def _interleaved(self, stretch: list[Record], draw: Random) -> Record:
        turns = []
        for number, spoken in enumerate(_modes(len(stretch), self.longest_run, draw)):
            said, clip = spoken_turn(stretch[number])
            pause = pause_between(stretch[number - 1], stretch[number]) if number else 0.0
            turns.append(assistant_turn(said, clip if spoken else None, pause))
        return made_of("interleaved", stretch, tuple(turns))

    def _work(self, row: Record) -> Outcome:
        if row.kind in ("interleaved", "continuation"):
            return Kept(row)
        long = row.seconds > self.longest
        return Dropped(row.id, "longer than a monologue may be" if long else loose_end(row))


def _modes(count: int, longest_run: int, draw: Random) -> list[bool]:
    """For each utterance whether it is spoken: runs of 1 to `longest_run`, at least one change."""
    spoken = draw.random() < 0.5
    modes: list[bool] = []
    while len(modes) < count:
        # The first run leaves one for the other mode.
        most = min(longest_run, count - 1 if not modes else count - len(modes))
        modes += [spoken] * draw.randint(1, most)
        spoken = not spoken
    return modes
