"""Runs a step into a folder: parts that are there are kept, missing ones are done, then all are joined.

Stopped at any moment and run again, it comes to the same manifest and the same sounds as an unbroken run, wherever its
parts are worked at and by how many.
"""

import itertools
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from stepwave.data.manifests import MANIFEST, read_line, write_line
from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError
from stepwave.prepare.pipeline.parts import (
    PARTS,
    Codec,
    Part,
    PartReport,
    dropped_path,
    read_report,
    records_path,
)
from stepwave.prepare.pipeline.steps import Step
from stepwave.signal.atomic import UNFINISHED, replace_file

STEP: Final = "step.json"
REPORT: Final = "report.json"
DROPPED: Final = "dropped.jsonl"


class Executor(Protocol):
    """A place where parts are worked at."""

    def run(self, step: Step, parts: Iterable[Part], folder: Path, codec: Codec) -> Iterator[PartReport]:
        """Do the parts and store them under `folder`; yields the report of each when it is done, in any order."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    parts: int
    """Parts of the step in all."""
    done: int
    """Parts that are done, by this run or an earlier one."""
    records: int
    seconds: float
    """Sound in those records."""
    dropped: int
    elapsed: float
    """Wall-clock seconds of this run."""
    new_seconds: float
    """Sound that this run added."""

    @property
    def rate(self) -> float:
        """Seconds of sound per second of this run."""
        return self.new_seconds / max(self.elapsed, 1e-9)

    def __str__(self) -> str:
        return (
            f"{self.done}/{self.parts} parts, {self.records} records, {self.seconds / 3600:.2f} h, "
            f"{self.dropped} dropped, {self.rate:.1f} s of sound per second"
        )


def run_step(step: Step, folder: Path, executor: Executor, codec: Codec = "flac") -> Iterator[Progress]:
    """Run `step` into `folder`; yields progress after each part, and at last when the manifest is written.

    Raises ConfigError where the folder holds the output of another step or of other settings, OutputError (disk full),
    and what the step's rows and work raise for all rows alike.
    """
    identity = {**step.identity(), "codec": codec}
    _claim(folder, identity)
    started = time.monotonic()
    parts = list(_stretches(iter(step.rows()), step.part_size))
    reports = {part.number: report for part in parts if (report := read_report(folder, part.number)) is not None}
    there = sum(report.seconds for report in reports.values())

    def progress() -> Progress:
        seconds = sum(report.seconds for report in reports.values())
        dropped = sum(sum(report.dropped.values()) for report in reports.values())
        records = sum(report.records for report in reports.values())
        elapsed = time.monotonic() - started
        return Progress(len(parts), len(reports), records, seconds, dropped, elapsed, seconds - there)

    yield progress()
    missing = [part for part in parts if part.number not in reports]
    for report in executor.run(step, missing, folder, codec):
        reports[report.number] = report
        yield progress()
    _join(step, folder, [reports[part.number] for part in parts], identity)
    yield progress()


def read_totals(folder: Path) -> dict[str, Any]:
    """What the report of a finished step says. Raises ConfigError where the step is not finished."""
    try:
        totals: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ConfigError(f"{folder} holds no finished step; run the step into it first") from None
    return totals


def _stretches(rows: Iterator[Record], size: int) -> Iterator[Part]:
    for number in itertools.count():
        stretch = tuple(itertools.islice(rows, size))
        if not stretch:
            return
        yield Part(number, stretch)


def _claim(folder: Path, identity: dict[str, Any]) -> None:
    """Say whose folder this is, or find out that it is somebody else's."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / STEP
    # Through JSON once, so that what is compared is what is stored.
    identity = json.loads(json.dumps(identity))
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found != identity:
            raise ConfigError(
                f"{folder} holds the output of {_difference(found, identity)}; name another folder, or delete this one"
            )
    elif any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty and holds no step's output; name a new folder")
    else:
        replace_file(path, json.dumps(identity, indent=1, ensure_ascii=False).encode())


def _difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    if found.get("step") != wanted["step"]:
        return f"the step {found.get('step')!r}, not {wanted['step']!r}"
    old, new = ({**each["settings"], "version": each["version"], "codec": each["codec"]} for each in (found, wanted))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return f"{wanted['step']!r} with other settings ({', '.join(names)})"


def _join(step: Step, folder: Path, reports: list[PartReport], identity: dict[str, Any]) -> None:
    """Write the manifest, what was dropped and the totals from the parts."""
    look = step.last_look()
    last: Counter[str] = Counter()
    partial = folder / f"{MANIFEST}.partial"
    losses = folder / f"{DROPPED}.partial"
    records, seconds = 0, 0.0
    clips: set[str] = set()
    voices: set[str] = set()
    kinds: Counter[str] = Counter()
    with partial.open("w", encoding="utf-8") as manifest, losses.open("w", encoding="utf-8") as drops:
        for report in reports:
            with dropped_path(folder, report.number).open(encoding="utf-8") as lines:
                shutil.copyfileobj(lines, drops)
            with records_path(folder, report.number).open(encoding="utf-8") as lines:
                for line in lines:
                    record = read_line(line, folder)
                    reason = look(record)
                    if reason is not None:
                        last[reason] += 1
                        drops.write(json.dumps({"id": record.id, "reason": reason, "detail": ""}) + "\n")
                        continue
                    manifest.write(write_line(record, folder))
                    records += 1
                    kinds[record.kind] += 1
                    new = {clip.id: clip for clip in record.clips if clip.id not in clips}
                    clips.update(new)
                    seconds += sum(clip.seconds for clip in new.values())
                    voices.update(clip.voice for clip in new.values() if clip.voice)
    losses.replace(folder / DROPPED)
    for unfinished in (folder / PARTS).glob(UNFINISHED):  # of runs that were killed while they wrote
        unfinished.unlink(missing_ok=True)
    totals = {
        **identity,
        "rows": sum(report.rows for report in reports),
        "records": records,
        "clips": len(clips),
        "hours": round(seconds / 3600, 4),
        "kinds": dict(sorted(kinds.items())),
        "voices": len(voices),
        "dropped": dict(sorted((sum((Counter(each.dropped) for each in reports), Counter()) + last).items())),
        "retried": dict(sorted(sum((Counter(each.retried) for each in reports), Counter()).items())),
        "cpu_seconds": round(sum(each.cpu_seconds for each in reports), 1),
        "wall_seconds_of_work": round(sum(each.wall_seconds for each in reports), 1),
        "bytes": sum(each.bytes for each in reports),
    }
    replace_file(folder / REPORT, (json.dumps(totals, indent=1, ensure_ascii=False) + "\n").encode())
    # The manifest comes last: whoever finds one may rely on the rest.
    partial.replace(folder / MANIFEST)
