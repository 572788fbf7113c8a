"""`stepwave bench`: what it prints for people and programs, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from stepwave.training.bench.peaks import Peak
from stepwave.training.memory import KEEP

Program = Callable[..., Any]
QUICK = ("bench", "train", "--device", "cpu", "--steps", "2", "--warmup", "0")


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    # With these set the command does not start itself anew.
    for name, value in KEEP.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("stepwave.training.bench.measuring.find_peak", lambda device, dtype: Peak(1e12, measured=True))


def test_people_see_tables(program: Program) -> None:
    outcome = program(*QUICK, "--shape", "tiny")
    assert outcome.code == 0, outcome.err
    for words in ("tokens a second", "MFU", "waiting for data", "peak: 1 T FLOPs a second", "load", "sequence length"):
        assert words in outcome.out


def test_programs_get_json(program: Program) -> None:
    told = json.loads(program(*QUICK, "--shape", "tiny", "--json", "--at-once", "2", "--recompute").out)
    assert told.keys() == {
        "compared", "name", "step_seconds", "tokens_per_second", "flops_per_second", "utilisation", "phases", "tokens",
        "seconds", "steps", "warmup", "device", "processes", "peak", "memory", "settings", "environment",
    }  # fmt: skip
    assert told["utilisation"].keys() == {"median", "low", "high", "overall"}
    assert told["phases"].keys() == {"waiting", "forward", "backward", "optimiser", "other"}
    assert told["tokens_per_second"]["overall"] * told["seconds"] == pytest.approx(told["tokens"])
    assert (told["settings"]["sequences at once"], told["settings"]["recompute"]) == (2, True)
    assert "load" in told["environment"]


def test_two_ways_are_compared(program: Program) -> None:
    lines = program(*QUICK, "--shape", "tiny", "--compare", "recompute", "--json").out.splitlines()
    assert [json.loads(line)["settings"]["recompute"] for line in lines] == [False, True]
    shown = program(*QUICK, "--shape", "tiny", "--compare", "packed").out
    assert "x 1.00" in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--recipe", "nano_sft", "--shape", "tiny"), "give one of them"),
        (("--shape", "tiny", "--steps", "0"), "wanted 1 or more"),
        (("--shape", "tiny", "--at-once", "2", "--sequences", "3"), "choose a divisor"),
        (("--shape", "tiny", "--length", "600"), "takes at most 512"),
        (("--recipe", "sing"), "no recipe called 'sing'"),
    ],
)
def test_what_cannot_be_measured_is_told(program: Program, arguments: tuple[str, ...], complaint: str) -> None:
    outcome = program(*QUICK, *arguments)
    assert outcome.code == 1
    assert complaint in outcome.err.splitlines()[-1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu(program: Program) -> None:
    assert "use --device cpu" in program("bench", "train", "--device", "cuda").complaint


def test_wrong_usage(program: Program) -> None:
    assert program("bench", "train", "--shape", "huge").code == 2
    assert "--recipe" in program("bench", "train", "--help").out


EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_a_server_is_measured(program: Program, tiny_nano: Path, tmp_path: Path) -> None:
    outcome = program(
        "bench", "serve", "-m", tiny_nano, "--threads", "1", "--speakers", "1", "--turns", "1", "--interrupt", "0",
        "--recordings", EXAMPLES, "-o", tmp_path / "found", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert told.keys() == {"server", "habits", "recordings", "recordings_left_out", "levels", "environment"}
    assert told["server"] == {"url": None, "model": str(tiny_nano), "own": True, "device": None, "threads": 1}
    assert len(told["recordings"]) == 5
    [level] = told["levels"]
    assert level.keys() == {
        "speakers", "seconds", "interrupted", "turns", "failed", "errors", "refused", "lost", "left", "first_audio",
        "first_audio_from_stopped", "turn_end", "real_time_factor", "underruns", "barge_ins", "memory", "server_cores",
        "own_cores", "microphone_most_late",
    }  # fmt: skip
    assert (level["speakers"], level["turns"], level["failed"]) == (1, 1, {})
    assert level["first_audio"]["count"] == 1
    assert level["first_audio"]["p50"] > level["first_audio_from_stopped"]["p50"] > 0
    assert level["underruns"]["answers"] == 1
    assert level["memory"]["peak"] >= level["memory"]["start"] > 0
    assert "cores" in told["environment"]
    names = {"report.json", "turns.jsonl", "usage.jsonl", "first-audio.png", "first-audio-curves.png", "memory.png"}
    assert {path.name for path in (tmp_path / "found").iterdir()} == names


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--speakers", "one"), "wanted numbers joined by commas"),
        (("--speakers", "0"), "wanted 1 to 256"),
        (("--url", "here"), "wanted one as ws://"),
        (("--url", "ws://127.0.0.1:9", "--threads", "1"), "for a server of our own"),
        (("--minutes", "0"), "seconds is 0"),
        (("--recordings", "nowhere"), "no recording in 'nowhere'"),
    ],
)
def test_what_cannot_be_asked_of_a_server(program: Program, arguments: tuple[str, ...], complaint: str) -> None:
    outcome = program("bench", "serve", "--recordings", EXAMPLES, *arguments)
    assert outcome.code == 1
    assert complaint in outcome.complaint
