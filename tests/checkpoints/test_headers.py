"""Headers of safetensors files: what is read, and each way a file can be damaged, unsafe or incomplete."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file

from stepwave.checkpoints.headers import read_header, read_headers
from stepwave.facts.errors import (
    CheckpointError,
    CheckpointIncompleteError,
    CheckpointNotFoundError,
    UnsafeFileError,
)

TENSORS = {
    "a": torch.zeros(2, 3),
    "b": torch.zeros(4, dtype=torch.bfloat16),
    "c": torch.zeros(5, dtype=torch.int8),
    "scalar": torch.tensor(1),
}


def index(folder: Path, places: dict[str, str]) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))


def shards(folder: Path) -> None:
    save_file({"a": TENSORS["a"]}, folder / "one.safetensors")
    save_file({"b": TENSORS["b"], "c": TENSORS["c"]}, folder / "two.safetensors")
    index(folder, {"a": "one.safetensors", "b": "two.safetensors", "c": "two.safetensors"})


def test_names_types_and_shapes(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "model.safetensors", {"format": "pt"})
    entries = read_headers(tmp_path / "model")
    assert {name: (entry.dtype, entry.shape) for name, entry in entries.items()} == {
        name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in TENSORS.items()
    }
    assert entries["b"].size == 8
    assert entries["scalar"].size == 8


@pytest.mark.parametrize("keep", [0, 7, 8, 100, -1])
def test_a_file_cut_anywhere_is_half_written(tmp_path: Path, keep: int) -> None:
    (tmp_path / "model.safetensors").write_bytes(save(TENSORS)[:keep])
    with pytest.raises(CheckpointIncompleteError, match="half-written"):
        read_headers(tmp_path / "model")


def test_surplus_bytes_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(save(TENSORS) + b"x")
    with pytest.raises(CheckpointIncompleteError, match="half-written or damaged"):
        read_headers(tmp_path / "model")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_plain_pickle_is_refused(tmp_path: Path, protocol: int) -> None:
    for values in ([1.0], [1.0] * 100, list(range(10_000))):
        (tmp_path / "model.safetensors").write_bytes(pickle.dumps({"a": values}, protocol=protocol))
        with pytest.raises(UnsafeFileError, match="convert"):
            read_headers(tmp_path / "model")


def test_what_torch_saves_is_refused(tmp_path: Path) -> None:
    for zipped in (True, False):
        torch.save(TENSORS, tmp_path / "model.safetensors", _use_new_zipfile_serialization=zipped)
        with pytest.raises(UnsafeFileError, match="Python pickle"):
            read_headers(tmp_path / "model")


def test_a_pickle_in_place_of_safetensors_is_named(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "flow.pt")
    with pytest.raises(UnsafeFileError, match=r"flow\.pt is a Python pickle.*flow\.safetensors is wanted"):
        read_headers(tmp_path / "flow")


def test_a_header_whose_length_looks_like_a_pickle_is_fine(tmp_path: Path) -> None:
    # 0x0280 = 640 bytes of header: the file starts with 0x80 0x02, as a pickle of protocol 2 does
    raw = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "model.safetensors").write_bytes((640).to_bytes(8, "little") + raw.ljust(640) + bytes(4))
    assert read_headers(tmp_path / "model")["a"].shape == (1,)


def test_a_git_lfs_pointer_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n")
    with pytest.raises(CheckpointIncompleteError, match="git lfs pull"):
        read_headers(tmp_path / "model")


@pytest.mark.parametrize(
    "header",
    [
        b"not json at all",
        b"[1, 2]",
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "XYZ", "shape": [1], "data_offsets": [0, 4]}}',
        b'{"a": {"shape": [1]}}',
        b'{"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": ["1"], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [3, 4]}}',
        b'{"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},'
        b' "b": {"dtype": "U8", "shape": [2], "data_offsets": [2, 4]}}',
    ],
)
def test_a_senseless_header_is_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(CheckpointError, match="not a usable safetensors file"):
        read_headers(tmp_path / "model")


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"hello, this is no model" * 10)
    with pytest.raises(CheckpointError):
        read_headers(tmp_path / "model")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"neither model\.safetensors nor"):
        read_headers(tmp_path / "model")
    with pytest.raises(CheckpointNotFoundError):
        read_header(tmp_path / "model.safetensors")


def test_shards_are_joined(tmp_path: Path) -> None:
    shards(tmp_path)
    entries = read_headers(tmp_path / "model")
    assert {name: entry.file.name for name, entry in entries.items()} == {
        "a": "one.safetensors",
        "b": "two.safetensors",
        "c": "two.safetensors",
    }


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    shards(tmp_path)
    (tmp_path / "two.safetensors").unlink()
    with pytest.raises(CheckpointIncompleteError, match=r"lacks two\.safetensors, 1 of the 2 files"):
        read_headers(tmp_path / "model")


def test_a_shard_of_another_model_is_noticed(tmp_path: Path) -> None:
    shards(tmp_path)
    save_file({"b": TENSORS["b"]}, tmp_path / "two.safetensors")
    with pytest.raises(CheckpointIncompleteError, match="lacks c"):
        read_headers(tmp_path / "model")
    save_file({"b": TENSORS["b"], "c": TENSORS["c"], "d": TENSORS["a"]}, tmp_path / "two.safetensors")
    with pytest.raises(CheckpointIncompleteError, match="holds d"):
        read_headers(tmp_path / "model")


@pytest.mark.parametrize("file", ["../outside.safetensors", "/etc/passwd", "sub/one.safetensors", ".."])
def test_an_index_may_not_leave_its_folder(tmp_path: Path, file: str) -> None:
    index(tmp_path, {"a": file})
    with pytest.raises(UnsafeFileError, match="outside its folder"):
        read_headers(tmp_path / "model")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"weight_map": 3}', '{"other": {}}'])
def test_a_broken_index_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(text)
    with pytest.raises(CheckpointIncompleteError, match="shard index"):
        read_headers(tmp_path / "model")
