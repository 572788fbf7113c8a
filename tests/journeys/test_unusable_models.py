"""Damaged and dangerous model folders through the whole program: one clear line, exit code 1, no file."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

Program = Callable[..., Any]


@pytest.fixture
def model(tiny_nano: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_nano, tmp_path / "model"))


@pytest.fixture
def question(tmp_path: Path) -> Path:
    path = tmp_path / "question.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(8_000), 16_000)
    return path


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self.path,))


def half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def other_shape(path: Path) -> None:
    tensors = load_file(path)
    name = next(name for name, tensor in tensors.items() if tensor.dim() == 2 and tensor.is_floating_point())
    save_file(tensors | {name: tensors[name].T.contiguous()[:1]}, path)


def one_less(path: Path) -> None:
    tensors = load_file(path)
    tensors.pop(next(iter(tensors)))
    save_file(tensors, path)


def one_more(path: Path) -> None:
    save_file(load_file(path) | {"surplus": torch.zeros(3)}, path)


def trapped(path: Path) -> None:
    path.write_bytes(pickle.dumps(Trap(path.with_name("sprung"))))


def without_flow(path: Path) -> None:
    config = json.loads(path.read_text())
    del config["parts"]["flow"]
    path.write_text(json.dumps(config))


DAMAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no config": ("config.json", Path.unlink, "has no config.json: a model folder is wanted"),
    "half a config": ("config.json", half, "is not valid JSON"),
    "a part not listed": ("config.json", without_flow, "has no flow"),
    "no weights": ("adaptor.safetensors", Path.unlink, "holds neither adaptor.safetensors nor"),
    "half-written weights": ("decoder.safetensors", half, "it is half-written or damaged; fetch or write it again"),
    "empty weights": ("flow.safetensors", lambda path: path.write_bytes(b""), "half-written"),
    "a wrong shape": ("vocoder.safetensors", other_shape, "shape"),
    "a missing tensor": ("vocoder.safetensors", one_less, "vocoder"),
    "a tensor too much": ("adaptor.safetensors", one_more, "surplus"),
    "a pickle": ("encoder.safetensors", trapped, "is a Python pickle, reading which can run code"),
    "no tokenizer": ("tokenizer.json", Path.unlink, "tokenizer"),
    "half a tokenizer": ("tokenizer.json", half, "tokenizer"),
    "half-written voices": ("voices.safetensors", half, "half-written"),
}
"""Which file is damaged, how, and what must be said about it."""


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_model_is_told_and_not_used(
    program: Program, model: Path, question: Path, here: Path, kind: str
) -> None:
    name, damage, says = DAMAGES[kind]
    damage(model / name)
    outcome = program("reply", question, "-m", model)
    assert outcome.code == 1
    assert says in outcome.complaint
    assert outcome.out == ""
    assert not list(here.iterdir())
    assert not (model / "sprung").exists()


def test_a_model_that_is_not_there(program: Program, question: Path, tmp_path: Path, here: Path) -> None:
    outcome = program("reply", question, "-m", "no-such-model")
    assert (outcome.code, list(here.iterdir())) == (1, [])
    assert "wanted nano, mini, mini-base, mini-think, a folder, or a hub id like owner/name" in outcome.complaint
    assert "nothing is downloaded unasked" in program("reply", question, "-m", "nobody/nothing").complaint
    assert "is a file; name the folder" in program("reply", question, "-m", question).complaint
    assert "models/nano folder as the model, or train it" in missing_nano(program, question, tmp_path)


def missing_nano(program: Program, question: Path, tmp_path: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stepwave.checkpoints.locate.nano_folders", lambda: [tmp_path / "none"])
        return str(program("reply", question).complaint)


def test_an_unknown_voice_is_told_with_those_that_are_known(program: Program, tiny_nano: Path, question: Path) -> None:
    outcome = program("reply", question, "-m", tiny_nano, "--voice", "carol")
    assert outcome.code == 1
    assert "no voice 'carol', and no file of that name; stored voices: alice, bob" in outcome.complaint


def test_a_device_that_is_not_there(program: Program, tiny_nano: Path, question: Path) -> None:
    outcome = program("reply", question, "-m", tiny_nano, "--device", "gpu")
    assert outcome.code == 1
    assert "the device 'gpu' can't be used" in outcome.complaint
