"""The command: its table of corpora, and the lines it answers mistakes with."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from stepwave.commands.prepare.ingest import ingest
from stepwave.facts.errors import ConfigError, RegistryError
from stepwave.prepare.ingest.corpora import CORPORA


@pytest.fixture
def call() -> Any:
    app = typer.Typer()
    app.command()(ingest)
    return lambda *arguments: CliRunner().invoke(app, [str(each) for each in arguments])


def test_the_table_names_every_corpus(call: Any) -> None:
    lines = [json.loads(line) for line in call("list", "--json").output.splitlines()]
    assert [line["name"] for line in lines] == list(CORPORA)
    assert lines[0]["ways"] == ["layout", "lhotse", "hub"]
    shown = call("list").output
    assert all(name in shown for name in CORPORA)


def test_a_folder_becomes_a_manifest(call: Any, disk: Any, tmp_path: Path) -> None:
    disk.tone("rain/a.wav")
    disk.tone("wind/b.wav")
    (disk.root / "wind/c.wav").write_bytes(b"no sound")
    out = tmp_path / "out"
    result = call("folder", disk.root, "--kind", "sound", "--to", out, "--workers", "0", "--sample-rate", "8000")
    assert result.exit_code == 0, result.output
    assert "ingest: 2 records" in result.output
    assert "dropped: 1 damaged sound" in result.output
    assert len((out / "manifest.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (["librispeech"], ConfigError, "lacks its folder or hub:OWNER/NAME; wanted folders such as train-clean-100"),
        (["librispeech", "x"], ConfigError, "lacks --to FOLDER"),
        (["nothing", "x", "--to", "y"], RegistryError, "no corpus called 'nothing'; known: librispeech"),
        (["esc-50", "x", "--to", "y", "--codec", "opus"], ConfigError, "add --sample-rate with one of 8000"),
        (["hub", "hub:a/b", "--to", "y", "--split", "a", "--split", "b"], ConfigError, "split by split"),
    ],
)
def test_mistakes(call: Any, arguments: list[str], kind: type, said: str) -> None:
    result = call(*arguments)
    assert isinstance(result.exception, kind)
    assert said in str(result.exception)
