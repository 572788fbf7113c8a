"""The step `unspoken`: scripts as they are written, to be read and answered in writing instead of aloud."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Step, Worker, one_by_one


@dataclass(frozen=True)
class Unspoken(Step):
    """The same conversations without sound: written questions get written answers."""

    name: ClassVar[str] = "unspoken"
    part_size: ClassVar[int] = 512
    scripts: Path
    """Manifest of scripts, or of conversations that were spoken already."""

    def rows(self) -> Iterable[Record]:
        """The scripts."""
        return read_manifest(self.scripts)

    def open(self) -> Worker:
        """Opens nothing."""
        return one_by_one(self._work)

    def _work(self, row: Record) -> Outcome:
        if not all(turn.text.strip() for turn in row.turns):
            return Dropped(row.id, "a turn without words")
        turns = tuple(replace(turn, clip=None, spoken=False, style={}, pause=0.0) for turn in row.turns)
        return Kept(replace(row, id=f"{row.id}-written", turns=turns))
