"""The step `measure`: what can be measured in speech goes into its clips' attributes; the sound stays as it is."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from stepwave.data.manifests import read_clip, read_manifest
from stepwave.data.records import Record, Turn
from stepwave.facts.errors import AudioEmptyError
from stepwave.prepare.acoustics.voice_measures import RATE, measure_voice
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Step, Worker, one_by_one
from stepwave.signal.voice_activity import is_silent


@dataclass(frozen=True)
class Measure(Step):
    """Settings of the step."""

    name: ClassVar[str] = "measure"

    manifest: Path
    """Records of any kind; every turn with sound is measured with its words."""

    def rows(self) -> Iterable[Record]:
        """The records of the manifest that have sound."""
        return (record for record in read_manifest(self.manifest) if record.clips)

    def open(self) -> Worker:
        """See `Step.open`."""
        return one_by_one(self._work)

    def _work(self, row: Record) -> Outcome:
        turns = []
        for turn in row.turns:
            measured = self._measured(turn)
            if measured is None:
                return Dropped(row.id, "silent sound", turn.clip.id if turn.clip is not None else "")
            turns.append(measured)
        return Kept(replace(row, turns=tuple(turns)))

    def _measured(self, turn: Turn) -> Turn | None:
        """The turn with what was measured; None for silence."""
        if turn.clip is None:
            return turn
        samples, _ = read_clip(turn.clip, RATE)
        if len(samples) == 0:
            raise AudioEmptyError(f"clip {turn.clip.id} holds no samples; make it again")
        if is_silent(samples, RATE):
            return None
        attributes = {**turn.clip.attributes, **measure_voice(samples, turn.text, turn.language)}
        return replace(turn, clip=replace(turn.clip, attributes=attributes))
