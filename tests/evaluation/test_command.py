from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwave.commands.main import run
from stepwave.evaluation import packages
from stepwave.evaluation.reporting import report
from stepwave.evaluation.scoring.listener import Listener
from stepwave.prepare import transcribers


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
    assert run(["evaluate", "nano_quick", "--score", str(output)]) == 0
    assert (output / "report.json").read_text() == stored


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["no_such_suite"], "nano_quick"),
        (["nano_quick", "--only", "singing"], "no check 'singing'"),
        (["nano_quick", "--limit", "0"], "limit of 0"),
        (["nano_quick", "--score", "nowhere"], "holds no run"),
    ],
)
def test_a_wrong_request_is_told_in_one_line(
    tiny_nano: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", *arguments, "--model", str(tiny_nano)]) == 1
    shown = capsys.readouterr().err
    assert told in shown
    assert "Traceback" not in shown
