"""Stores: what is added can be read by name, shards appear whole, damage is named."""

from pathlib import Path

import pytest
import torch

from stepwave.data.store import StoreWriter, TensorStore
from stepwave.facts.errors import CheckpointError


def test_what_was_added_over_several_shards_is_read_back(tmp_path: Path) -> None:
    tensors = {f"clip{number}.frames": torch.randn(number + 1, 8) for number in range(20)}
    with StoreWriter(tmp_path, shard_bytes=1_000) as writer:
        for name, tensor in tensors.items():
            writer.add(name, tensor)
    assert len(list(tmp_path.glob("part-*.safetensors"))) > 1
    store = TensorStore(tmp_path)
    assert set(store) == set(tensors)
    assert "clip3.frames" in store
    assert "clip99.frames" not in store
    for name, tensor in tensors.items():
        assert store.length(name) == len(tensor)
        torch.testing.assert_close(store[name], tensor.half())


def test_a_second_writer_adds_shards_and_leaves_the_first_ones(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with StoreWriter(tmp_path) as writer:
            writer.add(name, torch.arange(3))
    assert len(TensorStore(tmp_path)) == 2
    assert TensorStore(tmp_path)["one"].tolist() == [0, 1, 2]


def test_nothing_is_left_behind_when_a_run_is_stopped_before_a_shard_is_full(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path)
    writer.add("pending", torch.zeros(4))
    assert len(TensorStore(tmp_path)) == 0


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    (tmp_path / "part-00000.safetensors").write_bytes(b"half a file")
    with pytest.raises(CheckpointError, match=r"part-00000.*run the same step again"):
        TensorStore(tmp_path)
