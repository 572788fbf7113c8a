"""The commands: options reach the steps, and what comes out is said."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from stepwave.commands.prepare.acoustics import captions, measure, scenes
from stepwave.data.manifests import read_clip, read_manifest

program = typer.Typer()
for each in (captions, measure, scenes):
    program.command()(each)


def run(*arguments: object) -> str:
    outcome = CliRunner().invoke(program, [*map(str, arguments), "--workers", "0"], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.output


def test_scenes_are_made_from_two_manifests(sounds: Path, speech: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--count", 5, "--speech", speech, "--speaker-share", 1, "--questions", 2, "--sample-rate", 24000)
    said = run("scenes", sounds, "--to", out, *options, "--rooms", "noise", "--seed", 4)
    assert "scenes: 15 records" in said
    records = list(read_manifest(out))
    assert all(any(each["label"] == "speech" for each in record.details["recipe"]) for record in records)
    assert read_clip(records[0].clips[0], None)[1] == 24_000
    assert {record.details["room"] for record in records} <= {"none", "noise"}


def test_speech_is_measured_and_described(sounds: Path, speech: Path, tmp_path: Path) -> None:
    pytest.importorskip("pysptk")
    assert "measure: 2 records" in run("measure", speech, "--to", tmp_path / "measured")
    said = run("captions", tmp_path / "measured", "--to", tmp_path / "out", "--sounds", sounds, "--mixed-share", 1)
    assert "captions: 6 records" in said
    told = [record for record in read_manifest(tmp_path / "out") if record.kind == "caption"]
    assert [record.details["aspects"]["timbre"] is not None for record in told] == [True, True]
