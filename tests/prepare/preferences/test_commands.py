"""The two commands: what they pass on, what they refuse."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from stepwave.commands.prepare.preferences import preferences
from stepwave.commands.prepare.preferences import samples as sample
from stepwave.data.manifests import read_manifest
from stepwave.facts.errors import ConfigError
from stepwave.prepare.preferences import samples

from .conftest import Scripted, question

APP = typer.Typer()
APP.command("samples")(sample)
APP.command("preferences")(preferences)


def test_questions_become_pairs(write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[object, ...]] = []
    model = Scripted((("It is six o'clock.", 1.0, "stop"), ("It is Tuesday.", 0.8, "stop")))
    monkeypatch.setattr(samples, "open_talker", lambda *settings: opened.append(settings) or model)
    monkeypatch.setattr(samples, "locate", lambda name: tmp_path)
    folder = write([question()])
    inside = ["--workers", "0"]
    asking = ["samples", str(folder), "--to", str(tmp_path / "s"), "--count", "2", "--temperature", "0.5", *inside]
    done = CliRunner().invoke(APP, asking)
    assert done.exit_code == 0, done.output
    assert opened == [("nano", None, 0.5, 0.95)]
    done = CliRunner().invoke(APP, ["preferences", str(tmp_path / "s"), "--to", str(tmp_path / "p"), *inside])
    assert done.exit_code == 0, done.output
    assert "1 records" in done.output
    (pair,) = read_manifest(tmp_path / "p")
    assert [turn.text for turn in pair.turns[1:]] == ["It is six o'clock.", "It is Tuesday."]


@pytest.mark.parametrize("wrong", [["--ranker", "llm"], ["--llm", "http://127.0.0.1:9/v1", "--llm-model", "m"]])
def test_a_judge_needs_an_endpoint_and_the_other_way_round(wrong: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(APP, ["preferences", str(tmp_path), "--to", str(tmp_path / "p"), *wrong])
    assert isinstance(done.exception, ConfigError)
