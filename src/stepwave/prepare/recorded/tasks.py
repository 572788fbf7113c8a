"""The step `tasks`: what a checked recording teaches, to write down what is heard, to read aloud, to go on."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Kind, Record, Turn
from stepwave.facts.errors import ConfigError
from stepwave.prepare.pipeline.steps import (
    Dropped,
    Kept,
    Outcome,
    Step,
    Worker,
    drawing,
    one_by_one,
    short_digest,
)
from stepwave.prepare.recorded.neighbours import LONGEST_PAUSE, chains, going_on
from stepwave.prepare.recorded.sounds import spoken_turn


@dataclass(frozen=True)
class Tasks(Step):
    """Makes `asr`, `tts` and `continuation` records from recordings with transcripts; all refer to the same sounds.

    Each share is drawn by itself, so that a recording may serve several tasks, or none.
    """

    name: ClassVar[str] = "tasks"
    part_size: ClassVar[int] = 512
    source: Path
    """Manifest of recordings with transcripts."""
    seed: int = 0
    """What is drawn: which recording serves which task."""
    asr: float = 1.0
    """Share of recordings that are to be written down."""
    tts: float = 1.0
    """Share of recordings whose text is to be read aloud."""
    continuation: float = 0.0
    """Share of recordings after which the assistant goes on with their neighbour, where there is one."""
    longest_pause: float = LONGEST_PAUSE
    """Seconds between utterances up to which the second goes on from the first."""

    def __post_init__(self) -> None:
        for share in ("asr", "tts", "continuation"):
            if not 0 <= getattr(self, share) <= 1:
                raise ConfigError(f"{share} is {getattr(self, share):g}; wanted a share between 0 and 1")
        if self.longest_pause < 0:
            raise ConfigError(f"longest_pause is {self.longest_pause:g} s; wanted 0 or more")

    def rows(self) -> Iterable[Record]:
        """The recordings, and after each the continuation that begins with it."""
        for chain in chains(read_manifest(self.source), self.longest_pause):
            for number, record in enumerate(chain):
                yield record
                if number + 1 < len(chain) and self._drawn("continuation", record):
                    yield going_on(record, chain[number + 1])

    def open(self) -> Worker:
        """Opens nothing."""
        return one_by_one(self._work)

    def _drawn(self, task: str, row: Record) -> bool:
        return drawing(self.seed, task, row.id).random() < float(getattr(self, task))

    def _work(self, row: Record) -> list[Outcome]:
        if row.kind == "continuation":
            return [Kept(row)]
        turn, _ = spoken_turn(row)
        if not turn.text.strip():
            return [Dropped(row.id, "missing transcript")]
        drawn: list[Outcome] = [Kept(make(row)) for task, make in _MAKERS.items() if self._drawn(task, row)]
        return drawn or [Dropped(row.id, "drawn for neither asr nor tts")]


def transcription(row: Record) -> Record:
    """An `asr` record: the recording is heard, its words are written."""
    turn, clip = spoken_turn(row)
    heard = replace(turn, role="human", clip=clip, spoken=True)
    return _task("asr", row, heard, Turn("assistant", turn.text, language=turn.language))


def reading(row: Record) -> Record:
    """A `tts` record: the words are given, the recording is how they are said."""
    turn, clip = spoken_turn(row)
    said = replace(turn, role="assistant", clip=clip, spoken=True)
    return _task("tts", row, Turn("human", turn.text, language=turn.language), said)


_MAKERS = {"asr": transcription, "tts": reading}


def _task(kind: Kind, row: Record, *turns: Turn) -> Record:
    return replace(row, id=short_digest(kind, row.id), kind=kind, turns=turns)
