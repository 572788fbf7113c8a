"""Tables, JSON, files and pictures of a measurement whose numbers are made up."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from stepwave.serving.bench.exchange import BargeIn, Turn
from stepwave.serving.bench.figures import figures_of
from stepwave.serving.bench.measure import Level
from stepwave.serving.bench.pictures import draw
from stepwave.serving.bench.report import Measured, as_json, sections_of, store
from stepwave.serving.bench.speaker import Habits, Log
from stepwave.serving.bench.watch import Sample, Usage
from stepwave.training.sections import print_sections

BARGE_INS = (None, BargeIn("cancelled", 0.9, 0.1), BargeIn("already_made", 1.0, 0.2), BargeIn("too_late"))


def made_up() -> Measured:
    """Four answers after 1, 2, 3 and 4 seconds, one failure; memory that grows by 60 MB an hour for an hour."""
    turns = [
        Turn(
            speaker=0,
            number=number,
            recording="question.wav",
            at=10.0 * number,
            interrupting=False,
            speech_stopped=0.5,
            first_audio=float(number),
            first_audio_from_stopped=number - 0.5,
            sound_seconds=4.0,
            real_time_factor=0.5,
            underruns=(0.25, 0.5) if number == 4 else (),
            status="completed",
            barge_in=BARGE_INS[number - 1],
        )
        for number in range(1, 5)
    ]
    turns.append(Turn(0, 5, "question.wav", 50.0, False, failure="the answer had no sound"))
    log = Log(0.0, turns, most_late=0.02)
    log.errors["overloaded"] += 2
    samples = [Sample(60.0 * minute, Usage((500 + minute) * 1_000_000, 30.0 * minute)) for minute in range(61)]
    level = Level(2, log, samples, seconds=3600.0, own_cpu_seconds=360.0)
    facts = {"processor": "a fast one", "cores": 2, "load": 0.1}
    return Measured(
        [level, Level(4)], Habits(), {"model": "nano", "own": True}, ["question.wav"], ["no.wav: empty"], facts
    )


def test_figures() -> None:
    found = figures_of(made_up().levels[0])
    assert (found.turns, found.failed) == (5, {"the answer had no sound": 1})
    assert found.first_audio is not None
    assert (found.first_audio.count, found.first_audio.p50, found.first_audio.most) == (4, 2.5, 4.0)
    assert found.first_audio_from_stopped is not None
    assert found.first_audio_from_stopped.p50 == 2.0
    gaps = found.underruns
    assert (gaps.answers, gaps.with_any, gaps.count, gaps.seconds, gaps.share) == (4, 1, 2, 0.75, 0.25)
    assert found.barge_ins.how == {"cancelled": 1, "already_made": 1, "too_late": 1}
    assert found.barge_ins.from_lasting is not None
    assert found.barge_ins.from_lasting.p50 == pytest.approx(0.15)
    assert found.memory is not None
    assert (found.memory.start, found.memory.peak, found.memory.end) == (500_000_000, 560_000_000, 560_000_000)
    assert found.memory.megabytes_per_hour is not None
    assert found.memory.megabytes_per_hour.value == pytest.approx(60)
    assert (found.server_cores, found.own_cores) == (0.5, 0.1)


def test_nothing_measured_gives_no_numbers() -> None:
    found = figures_of(made_up().levels[1])
    assert (found.first_audio, found.memory, found.server_cores, found.underruns.share) == (None, None, None, None)


def test_people_see_tables() -> None:
    console = Console(width=80)
    with console.capture() as said:
        print_sections("nano", sections_of(made_up()), console)
    shown = said.get()
    for words in (
        "2.5",
        "p99 of fewer than 100 turns",
        "25.0 %",
        "0.56 GB",
        "60",
        "2 x overloaded",
        "a fast one; 2 cores",
    ):
        assert words in shown


def test_files_and_pictures(tmp_path: Path) -> None:
    measured = made_up()
    store(measured, tmp_path)
    draw(measured.levels, tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report == json.loads(json.dumps(as_json(measured)))
    assert report["levels"][0]["underruns"]["share"] == 0.25
    assert report["levels"][1]["first_audio"] is None
    turns = [json.loads(line) for line in (tmp_path / "turns.jsonl").read_text().splitlines()]
    assert [turn["number"] for turn in turns] == [1, 2, 3, 4, 5]
    assert turns[1]["barge_in"] == {"how": "cancelled", "from_onset": 0.9, "from_lasting": 0.1}
    usage = [json.loads(line) for line in (tmp_path / "usage.jsonl").read_text().splitlines()]
    assert usage[1] == {"speakers": 2, "at": 60.0, "resident": 501_000_000, "cpu_seconds": 30.0}
    for name in ("first-audio.png", "first-audio-curves.png", "memory.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
