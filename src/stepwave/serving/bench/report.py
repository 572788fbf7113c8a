"""A server's figures as tables for people and as JSON for programs, with the machine they were measured on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from stepwave.serving.bench.exchange import HOW_STOPPED
from stepwave.serving.bench.figures import Figures, figures_of
from stepwave.serving.bench.measure import Level
from stepwave.serving.bench.speaker import Habits
from stepwave.serving.bench.statistics import Spread
from stepwave.signal.atomic import replace_file
from stepwave.training.sections import Cell, Quantity, Section

FEW: Final = 100
"""Of fewer values p99 says no more than the largest."""


@dataclass(frozen=True, eq=False)
class Measured:
    """A whole measurement."""

    levels: Sequence[Level]
    habits: Habits
    server: dict[str, Any]
    """Which server: model, whether it was our own, its device and threads where told."""
    recordings: Sequence[str]
    left_out: Sequence[str]
    """Recordings that could not be used, with reasons."""
    environment: dict[str, Any]
    """The machine that the speakers, and a server of our own, ran on."""


def as_json(measured: Measured) -> dict[str, Any]:
    """All figures as JSON values: seconds, bytes, cores, shares from 0 to 1."""
    return {
        "server": measured.server,
        "habits": asdict(measured.habits),
        "recordings": list(measured.recordings),
        "recordings_left_out": list(measured.left_out),
        "levels": [_level(figures_of(level)) for level in measured.levels],
        "environment": measured.environment,
    }


def sections_of(measured: Measured) -> list[Section]:
    """All figures as tables, a row per number of speakers."""
    found = [figures_of(level) for level in measured.levels]
    load = _load(found, measured.environment)
    return [_first_audio(found), _sound(found), _barge_ins(found), _memory(found), load, _faults(found)]


def store(measured: Measured, folder: Path) -> None:
    """Write `report.json`, each turn as a line of `turns.jsonl`, each sample as one of `usage.jsonl`.

    Raises OutputError.
    """
    replace_file(folder / "report.json", json.dumps(as_json(measured), ensure_ascii=False, indent=1).encode())
    turns = [{"speakers": level.speakers, **asdict(turn)} for level in measured.levels for turn in level.log.turns]
    usage = [
        {"speakers": level.speakers, "at": sample.at, **asdict(sample.usage)}
        for level in measured.levels
        for sample in level.samples
    ]
    for name, records in (("turns.jsonl", turns), ("usage.jsonl", usage)):
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        replace_file(folder / name, lines.encode())


def _level(found: Figures) -> dict[str, Any]:
    told = asdict(found)
    told["underruns"]["share"] = found.underruns.share
    return told


def _first_audio(found: Sequence[Figures]) -> Section:
    columns = ("speakers", "what", "turns", "p50", "p95", "p99", "longest")
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        rows.append((str(one.speakers), "from the speech's end", *_spread(one.first_audio)))
        rows.append(("", "from speech_stopped", *_spread(one.first_audio_from_stopped)))
        rows.append(("", "end to speech_stopped", *_spread(one.turn_end)))
    fewest = min((one.first_audio.count for one in found if one.first_audio is not None), default=0)
    few = (f"p99 of fewer than {FEW} turns says no more than the longest",) if fewest < FEW else ()
    return Section("first sound, seconds", columns, tuple(rows), few)


def _sound(found: Sequence[Figures]) -> Section:
    columns = ("speakers", "answers", "RTF p50", "p95", "p99", "with gaps", "gaps", "seconds of gaps")
    rows = []
    for one in found:
        _, p50, p95, p99, _ = _spread(one.real_time_factor)
        gaps = one.underruns
        share = None if gaps.share is None else Quantity(gaps.share, "share")
        counts = (share, _number(gaps.count), _seconds(gaps.seconds))
        rows.append((str(one.speakers), _number(gaps.answers), p50, p95, p99, *counts))
    return Section("real-time factor (RTF), and gaps in what was played", columns, tuple(rows))


def _barge_ins(found: Sequence[Figures]) -> Section:
    columns = ("speakers", "since", "times", "p50", "p95", "p99", "longest")
    rows: list[tuple[Cell, ...]] = []
    remarks = []
    for one in found:
        barged = one.barge_ins
        rows.append((str(one.speakers), "the onset of the speech", *_spread(barged.from_onset)))
        rows.append(("", "it had lasted", *_spread(barged.from_lasting)))
        counts = ", ".join(f"{barged.how.get(name, 0)} {name.replace('_', ' ')}" for name in HOW_STOPPED)
        remarks.append(f"{one.speakers} at once: {counts}")
    return Section("until an interrupted answer stopped, seconds", columns, tuple(rows), tuple(remarks))


def _memory(found: Sequence[Figures]) -> Section:
    columns = ("speakers", "start", "peak", "end", "MB an hour", "95 % interval")
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        memory = one.memory
        if memory is None:
            rows.append((str(one.speakers), *(None for _ in columns[1:])))
            continue
        growth = memory.megabytes_per_hour
        rising = None if growth is None else Quantity(round(growth.value, 2), "MB an hour")
        bounds = None if growth is None else f"{growth.low:.2f} to {growth.high:.2f}"
        amounts = (Quantity(value, "bytes") for value in (memory.start, memory.peak, memory.end))
        rows.append((str(one.speakers), *amounts, rising, bounds))
    return Section("the server's resident memory", columns, tuple(rows))


def _load(found: Sequence[Figures], facts: dict[str, Any]) -> Section:
    columns = ("speakers", "minutes", "server's cores", "simulation's cores", "microphones late, s")
    rows = tuple(
        (
            str(one.speakers),
            _number(round(one.seconds / 60, 1)),
            None if one.server_cores is None else _number(round(one.server_cores, 2)),
            _number(round(one.own_cores, 2)),
            _seconds(one.microphone_most_late),
        )
        for one in found
    )
    where = f"{facts['processor']}; {facts['cores']} cores, load {facts['load']} when it began"
    return Section("load", columns, rows, (where,))


def _faults(found: Sequence[Figures]) -> Section:
    columns = ("speakers", "turns", "failed", "errors", "refused", "lost", "left")
    rows = tuple(
        (
            str(one.speakers), _number(one.turns), _counted(one.failed), _counted(one.errors), _counted(one.refused),
            _number(one.lost), _number(one.left),
        )
        for one in found
    )  # fmt: skip
    ended = ("it was interrupted: turns under way then are not in it",) if any(one.interrupted for one in found) else ()
    return Section("faults", columns, rows, ended)


def _spread(of: Spread | None) -> tuple[Cell, ...]:
    if of is None:
        return (_number(0), None, None, None, None)
    return (_number(of.count), *(_seconds(value) for value in (of.p50, of.p95, of.p99, of.most)))


def _number(value: float) -> Quantity:
    return Quantity(value, "times")


def _seconds(value: float) -> Quantity:
    return Quantity(round(value, 3), "seconds")


def _counted(counts: dict[str, int]) -> str:
    return "; ".join(f"{count} x {name}" for name, count in counts.items()) or "0"
