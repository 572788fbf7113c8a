"""The declared corpus: its stages in order, each from earlier ones, and what is wrong with its folders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwave.data.manifests import read_manifest
from stepwave.facts.errors import ConfigError
from stepwave.prepare.corpus import NanoCorpus
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import run_step
from stepwave.prepare.speaking.speak import Speak


@pytest.fixture
def starting(tmp_path: Path) -> Path:
    (tmp_path / "starting" / "whisper-base").mkdir(parents=True)
    return tmp_path / "starting"


def test_scripts_and_recordings_come_from_the_data_folder(shared_data: Path, starting: Path, tmp_path: Path) -> None:
    corpus = NanoCorpus(shared_data, starting, tmp_path / "out", scale=0.004)
    stages = {stage.name: stage for stage in corpus.stages()}
    for name in ("sounds", *(each for each in stages if each.endswith("-scripts"))):
        list(run_step(stages[name].step(), tmp_path / "out" / name, Processes(0)))
    made = {name: list(read_manifest(tmp_path / "out" / name)) for name in stages if (tmp_path / "out" / name).exists()}
    assert {record.kind for records in made.values() for record in records} == {
        "sound", "tts", "asr", "s2tt", "t2st", "interleaved", "conversation", "tools"
    }  # fmt: skip
    for name, records in made.items():
        if name.endswith("-scripts"):
            speak = stages[name.removesuffix("-scripts")].step()
            assert isinstance(speak, Speak)
            voices = {voice for row in speak.rows() for voice in row.details["cast"].values()}
            assert records
            assert voices


def test_every_stage_stands_after_what_it_reads(shared_data: Path, starting: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done: set[str] = set()
    for stage in NanoCorpus(shared_data, starting, folder).stages():
        read = {
            path.name
            for path in vars(stage.step()).values()
            if isinstance(path, Path) and folder in path.parents
        }  # fmt: skip
        assert read <= done, stage.name
        done.add(stage.name)
    assert len(done) >= 25


@pytest.mark.parametrize(
    ("data", "voices", "scale", "complaint"),
    [(False, True, 1.0, "give the data folder"), (True, False, 1.0, "--step starting"), (True, True, 0.0, "above 0")],
)
def test_what_is_missing_is_told(
    tmp_path: Path, starting: Path, data: bool, voices: bool, scale: float, complaint: str
) -> None:
    (tmp_path / "data" / "text").mkdir(parents=True)
    folders = tmp_path / ("data" if data else "nowhere"), starting if voices else tmp_path
    with pytest.raises(ConfigError, match=complaint):
        NanoCorpus(*folders, tmp_path / "out", scale)


def test_the_command_lists_its_stages(
    shared_data: Path, starting: Path, tmp_path: Path, program: Callable[..., Any]
) -> None:
    arguments = ("--data", shared_data, "--starting", starting, "--to", tmp_path / "out")
    listed = program("prepare", "corpus", *arguments, "--stage", "list")
    assert "scenes" in listed.out.splitlines()
    assert "measured  (on the way)" in listed.out.splitlines()
    assert "no stage called dreams" in program("prepare", "corpus", *arguments, "--stage", "dreams").complaint
