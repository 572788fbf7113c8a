"""The commands: from a long recording to training records, by their options alone."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from recorded_material import Bench, babble, recording, silence
from typer.testing import CliRunner

from stepwave.commands.prepare import recorded
from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError
from stepwave.prepare.recorded import transcribe

Run = Callable[..., list[Record]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command into a folder called like it and gives its records."""
    app = typer.Typer()
    for command in (
        recorded.segment, recorded.transcribe, recorded.filter_recordings, recorded.interleave, recorded.tasks,
    ):  # fmt: skip
        app.command()(command)
    monkeypatch.setattr(transcribe, "open_transcriber", lambda spec: Repeating(spec))

    def run_one(name: str, source: Path, *options: str) -> list[Record]:
        to = tmp_path / name
        result = CliRunner().invoke(app, [name, str(source), "--to", str(to), "--workers", "0", *options])
        if result.exception is not None:
            raise result.exception
        assert f"records, 0.00 h, in {to}" in result.output
        return list(read_manifest(to))

    return run_one


class Repeating:
    """Hears the same three words everywhere."""

    def __init__(self, name: str) -> None:
        self.name = name

    def hear(self, samples: np.ndarray, language: str = "en") -> str:
        return "these three words"

    def hear_many(self, sounds: list[np.ndarray], language: str = "en") -> list[str]:
        return [self.hear(samples, language) for samples in sounds]


def test_from_a_recording_to_training_records(run: Run, bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip("jiwer")
    pytest.importorskip("whisper_normalizer")
    pieces = [piece for seed in range(4) for piece in (silence(1.0, seed), babble(1.5, seed))]
    source = bench.manifest([recording(tmp_path / "long.flac", np.concatenate(pieces))])
    cut = run("segment", source, "--by", "level", "--longest", "4")
    assert [record.details["index"] for record in cut] == [0, 1, 2, 3]
    once = run("transcribe", tmp_path / "segment", "--by", "ear", "--language", "en")
    assert {record.turns[0].text for record in once} == {"these three words"}
    kept = run("filter-recordings", tmp_path / "transcribe", "--language", "en", "--least-snr", "5")
    assert len(kept) == 4
    made = run("interleave", tmp_path / "filter-recordings", "--continuations", "0", "--most", "2")
    assert [record.kind for record in made] == ["interleaved", "interleaved"]
    kinds = [record.kind for record in run("tasks", tmp_path / "filter-recordings", "--tts", "0")]
    assert kinds == ["asr"] * 4


def test_options_become_settings(run: Run, bench: Bench, tmp_path: Path) -> None:
    source = bench.manifest([])
    options = ["--no-sounds", "--same-text", "--no-same-sound", "--checked", "--untranscribed"]
    run("filter-recordings", source, *options, "--language", "en", "--language", "zh")
    settings = json.loads((tmp_path / "filter-recordings" / "step.json").read_text())["settings"]
    assert (settings["sounds"], settings["same_text"], settings["same_sound"]) == (False, True, False)
    assert (settings["limits"]["check_needed"], settings["limits"]["text_needed"]) == (True, False)
    assert settings["limits"]["languages"] == ["en", "zh"]
    run("segment", source, "--by", "level", "--copy", "--threshold", "0.1")
    settings = json.loads((tmp_path / "segment" / "step.json").read_text())["settings"]
    assert (settings["copy"], settings["activity"]["release"]) == (True, 0.01)


def test_a_setting_out_of_range_is_refused(run: Run, bench: Bench) -> None:
    with pytest.raises(ConfigError, match="tts is 2"):
        run("tasks", bench.manifest([]), "--tts", "2")
