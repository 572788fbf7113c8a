"""Steps that are quick to run and easy to break, for the tests of the pipeline; workers import them by name."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import ConfigError, DataError, OutputError
from stepwave.prepare.pipeline.steps import Dropped, Kept, LastLook, Outcome, Sound, Step, Worker, drawing, one_by_one


@dataclass(frozen=True)
class Tones(Step):
    """Makes a tone per row; some rows fail in ways that are named in their ids."""

    name: ClassVar[str] = "tones"
    part_size: ClassVar[int] = 4
    count: int = 10
    seed: int = 0
    trouble: tuple[tuple[int, str], ...] = ()
    """Row number and what goes wrong with it."""
    pause: float = 0.0

    def rows(self) -> Iterable[Record]:
        return (Record(f"r{number:04d}", "text", (Turn("human", f"tone {number}"),)) for number in range(self.count))

    def open(self) -> Worker:
        return one_by_one(self._work)

    def last_look(self) -> LastLook:
        seen: set[int] = set()

        def look(record: Record) -> str | None:
            pitch = int(record.details["pitch"])
            if pitch in seen:
                return "the same tone again"
            seen.add(pitch)
            return None

        return look

    def _work(self, row: Record) -> Outcome:
        number = int(row.id[1:])
        kind = dict(self.trouble).get(number)
        time.sleep(self.pause)
        if kind == "drop":
            return Dropped(row.id, "not wanted", "it was asked to be dropped", ("first try",))
        if kind == "data":
            raise DataError("the row makes no sense")
        if kind == "bug":
            raise ZeroDivisionError("a slip")
        if kind == "nan":
            samples = np.full(100, np.nan, np.float32)
        elif kind == "die":
            os._exit(9)
        elif kind == "full":
            raise OutputError("cannot write: the disk is full")
        elif kind == "wrong":
            raise ConfigError("no such setting")
        else:
            samples = self._tone(row)
        pitch = drawing(self.seed, row.id).randrange(1, 5)
        clip = Clip(f"{row.id}-tone", voice=f"tone/{pitch}")
        turn = Turn("human", row.turns[0].text, clip, spoken=True)
        record = Record(row.id, "speech", (turn,), details={"pitch": number if kind != "twin" else 0})
        return Kept(record, {clip.id: Sound(samples, 16_000)})

    def _tone(self, row: Record) -> np.ndarray:
        generator = np.random.default_rng(drawing(self.seed, row.id).randrange(2**32))
        return (0.1 * generator.standard_normal(1_600)).astype(np.float32)


@dataclass(frozen=True)
class SharedTones(Step):
    """Each row gives two records about one sound, which the first brings; that of row `spoilt` cannot be stored."""

    name: ClassVar[str] = "shared-tones"
    part_size: ClassVar[int] = 4
    count: int = 6
    spoilt: int = -1

    def rows(self) -> Iterable[Record]:
        return (Record(f"r{number}", "text", (Turn("human", "tone"),)) for number in range(self.count))

    def open(self) -> Worker:
        return one_by_one(self._work)

    def _work(self, row: Record) -> list[Outcome]:
        number = int(row.id[1:])
        samples = np.full(100 + number, np.nan if number == self.spoilt else 0.1, np.float32)
        heard = Turn("human", clip=Clip(f"{row.id}-tone"), spoken=True)
        first = Record(f"{row.id}-caption", "caption", (heard, Turn("assistant", "a tone")))
        second = Record(f"{row.id}-qa", "qa", (heard, Turn("human", "What?"), Turn("assistant", "a tone")))
        return [Kept(first, {f"{row.id}-tone": Sound(samples, 16_000)}), Kept(second)]


def contents(folder: Path) -> dict[str, bytes]:
    """What a finished step left, but for the times that it took."""
    names = ("manifest.jsonl", "dropped.jsonl")
    found = {name: (folder / name).read_bytes() for name in names}
    return found | {path.name: path.read_bytes() for path in sorted((folder / "parts").glob("*.tar"))}
