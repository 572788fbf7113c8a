"""`stepwave models`: what it prints about good, incomplete and damaged folders, and its exit codes."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from stepwave.checkpoints import locate
from stepwave.checkpoints.nano import save_part
from stepwave.commands.main import app
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.decoder import Decoder, DecoderConfig


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two of nano's parts."""
    save_part(tmp_path / "small", "adaptor", Adaptor(AdaptorConfig(width=8, hidden=12, llm_width=32)))
    save_part(tmp_path / "small", "decoder", Decoder(DecoderConfig.tiny(qwen=False)))
    return tmp_path / "small"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["models", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, " ".join(result.output.split())


def test_list_shows_what_is_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(locate, "nano_folders", lambda: [folder])
    code, text = run("list")
    assert code == 0
    for word in ("nano", "mini", "mini-base", "mini-think", "not here"):
        assert word in text
    assert str(folder) in text


def test_check_of_an_incomplete_folder(folder: Path) -> None:
    code, text = run("check", str(folder))
    assert code == 1
    assert "stepwave format" in text
    assert "adaptor good 6" in text
    assert "int8 x " in text
    assert "lacks encoder" in text
    assert "lacks tokenizer.json" in text


def test_check_names_the_damage_without_loading(folder: Path) -> None:
    path = folder / "adaptor.safetensors"
    save_file(load_file(path) | {"linear1.bias": torch.zeros(13)}, path)
    code, text = run("check", str(folder))
    assert code == 1
    assert "adaptor wrong" in text
    assert "linear1.bias has shape [13], wanted [12]" in text
    path.write_bytes(path.read_bytes()[:-4])
    assert "half-written" in run("check", str(folder))[1]
    path.unlink()
    assert "neither adaptor.safetensors nor" in run("check", str(folder))[1]


def test_digests_are_compared_on_request(folder: Path) -> None:
    path = folder / "adaptor.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "is damaged" not in run("check", str(folder))[1]
    assert "adaptor.safetensors is damaged" in run("check", "--digests", str(folder))[1]


def test_a_whole_model_is_complete(tiny_nano: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_nano, tmp_path / "copy")
    code, text = run("check", "--digests", str(copy))
    assert code == 0, text
    assert "complete" in text


@pytest.mark.parametrize("name", ["nonsense", "nobody/nothing"])
def test_a_model_that_is_not_there(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    code, text = run("check", name)
    assert code == 1
    assert name in text


def test_convert_of_a_folder_that_is_none(tmp_path: Path) -> None:
    code, text = run("convert", str(tmp_path))
    assert code == 1
    assert "lacks flow.pt, hift.pt" in text
