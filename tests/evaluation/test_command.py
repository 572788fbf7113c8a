import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.commands.main import run
from stepwave.evaluation import packages
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring.listener import Listener
from stepwave.facts.errors import CheckpointNotFoundError
from stepwave.prepare import transcribers
from stepwave.signal.files import write_audio


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, listener_of: Callable[[dict[int, str]], Listener]) -> None:
    """A listener that always hears the same, without the packages that the real one needs, and no picture."""

    def ears(folder: Path, threads: int) -> Any:
        return listener_of(dict.fromkeys(range(400), "in being comparatively modern"))

    monkeypatch.setattr(transcribers, "WhisperTranscriber", ears)
    monkeypatch.setattr(packages, "check_packages", lambda: None)
    monkeypatch.setattr(report, "draw", lambda figures, scores, path, title: None)


def test_suites_are_listed_with_their_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "list"]) == 0
    shown = capsys.readouterr().out
    assert "nano_quick" in shown
    assert "transcription-ljspeech" in shown
    assert "answers:FOLDER" in shown


def test_help_is_that_of_a_suite_and_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "asr", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Usage: stepwave evaluate asr [OPTIONS]" in shown
    assert "--parallel" in shown
    assert run(["evaluate", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "SUITE|COMMAND" in shown
    assert "score" in shown


def test_scoring_what_is_no_run_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", "score", "nowhere"]) == 1
    assert "holds no run" in capsys.readouterr().err


def test_ready_answers_are_scored_on_ones_own_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, given, output = tmp_path / "data", tmp_path / "given", tmp_path / "run"
    data.mkdir()
    given.mkdir()
    write_audio(data / "a.wav", np.full(16_000, 0.1, np.float32), 16_000)
    (data / "list.tsv").write_text("id\tpath\ttext\tspeaker\na\ta.wav\tgood morning to you\tjo\nb\tb.wav\tx\tjo\n")
    (given / "answers.jsonl").write_text('{"id": "a", "text": "Good evening, to you!"}\n')
    arguments = ["--only", "own", "--data", str(data), "--model", f"answers:{given}", "-o", str(output)]
    assert run(["evaluate", "asr", *arguments, "--parallel", "4"]) == 0
    shown = capsys.readouterr().out
    assert "25.0 %" in shown
    assert "1 failed" in shown
    assert "b.wav can't be read" in shown.replace("\n", "")
    assert json.loads((output / "run.json").read_text())["subject"]["kind"] == "ready answers"


def test_without_a_listener_what_needs_none_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(folder: Path, threads: int) -> Any:
        raise CheckpointNotFoundError(f"{folder} has no model.bin")

    monkeypatch.setattr(transcribers, "WhisperTranscriber", missing)
    test_ready_answers_are_scored_on_ones_own_recordings(tmp_path, capsys)
    assert run(["evaluate", "score", str(tmp_path / "run")]) == 0
    assert "nobody listens" in capsys.readouterr().err


def test_a_run_shows_its_figures_and_can_be_scored_again(
    tiny_nano: Path, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    asked = ["--model", str(tiny_nano), "--data", str(shared_data), "-o", str(output), "--threads", "1"]
    assert run(["evaluate", "nano_quick", *asked, "--only", "resynthesis", "--limit", "2"]) == 0
    first = capsys.readouterr().out
    assert "resynthesis from speech tokens" in first
    assert "read back, word error" in first
    assert str(output) in first.replace("\n", "")
    assert len(list((output / "resynthesis").glob("*.wav"))) == 4
    stored = (output / "report.json").read_text()
    assert run(["evaluate", "score", str(output)]) == 0
    assert (output / "report.json").read_text() == stored


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no_such_suite"], "nano_quick"),
        (["nano_quick", "--only", "singing"], "no check 'singing'"),
        (["nano_quick", "--limit", "0"], "limit of 0"),
        (["nano_quick", "--parallel", "0"], "0 items at once"),
        (["nano_quick", "--model", "gpt:5"], "no kind of model called 'gpt'"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(
    tiny_nano: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = [] if "--model" in arguments else ["--model", str(tiny_nano)]
    assert run(["evaluate", *arguments, *model]) == 1
    shown = capsys.readouterr().err
    assert told in shown
    assert "Traceback" not in shown
