"""Storing weights: rounding, shards, and what is left after a failure."""

import errno
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stepwave.checkpoints.headers import read_headers
from stepwave.checkpoints.inspection import SCALE_SUFFIX
from stepwave.checkpoints.reader import read_entry
from stepwave.checkpoints.storage import _shards, stored, write_tensors
from stepwave.facts.errors import ConfigError, OutputError
from stepwave.signal import atomic


def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {
        "linear.weight": torch.randn(6, 10),
        "linear.bias": torch.randn(6),
        "conv.weight": torch.randn(4, 3, 5),
        "zero.weight": torch.zeros(3, 2),
        "count": torch.tensor(7),
    }


def test_int8_is_within_half_a_step_per_channel() -> None:
    tensors = stored(state(), "int8")
    for name in ("linear.weight", "conv.weight", "zero.weight"):
        values, scale, weight = tensors[name], tensors[name + SCALE_SUFFIX], state()[name]
        assert values.dtype == torch.int8
        assert values.shape == weight.shape
        assert scale.shape == weight.shape[:1]
        step = scale.float().view(-1, *[1] * (weight.dim() - 1))
        assert ((values * step - weight).abs() <= step / 2 + 1e-7).all()
        assert (step <= weight.abs().flatten(1).amax(1).view_as(step) / 127 * (1 + 2**-6) + (weight == 0).all()).all()
    assert tensors["linear.bias"].dtype == torch.float32
    assert torch.equal(tensors["linear.bias"], state()["linear.bias"])
    assert tensors["count"] == 7


def test_float_storage() -> None:
    assert torch.equal(stored(state(), "float32")["linear.weight"], state()["linear.weight"])
    half = stored(state(), "bfloat16")
    assert half["linear.bias"].dtype == torch.bfloat16
    assert half["count"].dtype == torch.int64
    with pytest.raises(ConfigError, match="int4"):
        stored(state(), "int4")  # type: ignore[arg-type]


def test_written_shards_hold_everything_once(tmp_path: Path) -> None:
    tensors = stored(state(), "int8")
    files = write_tensors(tmp_path / "model", tensors, shard_bytes=70)
    assert files[-1].name == "model.safetensors.index.json"
    assert files[0].name == f"model-00001-of-{len(files) - 1:05}.safetensors"
    entries = read_headers(tmp_path / "model")
    assert entries.keys() == tensors.keys()
    for name, entry in entries.items():
        assert torch.equal(read_entry(entry), tensors[name])
        if name.endswith(SCALE_SUFFIX):
            assert entry.file == entries[name.removesuffix(SCALE_SUFFIX)].file


def test_what_was_there_before_goes(tmp_path: Path) -> None:
    write_tensors(tmp_path / "model", state(), shard_bytes=70)
    write_tensors(tmp_path / "models", {"other": torch.zeros(3)})
    write_tensors(tmp_path / "model", {"a": torch.zeros(2)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "models.safetensors"]
    write_tensors(tmp_path / "model", state(), shard_bytes=70)
    assert read_headers(tmp_path / "model").keys() == state().keys()
    assert not (tmp_path / "model.safetensors").exists()


@given(st.lists(st.integers(1, 50), min_size=1), st.integers(10, 60))
def test_shards_keep_order_and_bound(sizes: list[int], limit: int) -> None:
    tensors = {f"t{i}": torch.zeros(size, dtype=torch.int8) for i, size in enumerate(sizes)}
    shards = _shards(tensors, limit)
    assert [name for shard in shards for name in shard] == list(tensors)
    for shard in shards:
        assert sum(t.nbytes for t in shard.values()) <= limit or len(shard) == 1


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tensors(tmp_path / "model", {"a": torch.ones(2)})

    def full(path: Path, data: bytes) -> None:
        path.write_bytes(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "_write_durably", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_tensors(tmp_path / "model", {"a": torch.zeros(2)})
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    assert torch.equal(read_entry(read_headers(tmp_path / "model")["a"]), torch.ones(2))
