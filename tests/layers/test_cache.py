import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.layers.cache import KVCache


def new(rows: int = 2, capacity: int = 2) -> KVCache:
    return KVCache(layers=2, kv_heads=1, head_dim=1, rows=rows, capacity=capacity)


def append(cache: KVCache, numbers: list[list[float]], counts: list[int] | None = None) -> torch.Tensor:
    """Write `numbers` [rows][new] as keys (and their negatives as values) of both layers; returns layer 1's keys."""
    block = torch.tensor(numbers)[:, None, :, None]
    cache.begin(block.shape[2], counts, block.device)
    cache.write(0, block, -block)
    keys, values = cache.write(1, block, -block)
    cache.commit()
    assert torch.equal(keys, -values)
    return keys[:, 0, :, 0]


def test_growing_keeps_what_is_held() -> None:
    cache = new(rows=1)
    append(cache, [[1.0, 2.0]])
    keys = append(cache, [[3.0, 4.0, 5.0]])
    assert keys.tolist() == [[1.0, 2.0, 3.0, 4.0, 5.0]]
    assert cache.capacity == 8


def test_rows_hold_no_padding() -> None:
    cache = new()
    append(cache, [[1.0, 2.0, 3.0], [7.0, 0.0, 0.0]], counts=[3, 1])
    keys = append(cache, [[4.0], [8.0]])
    assert cache.lengths == [4, 2]
    assert keys[0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert keys[1, :2].tolist() == [7.0, 8.0]


def test_the_mask_shows_each_row_its_own_past() -> None:
    cache = new()
    append(cache, [[1.0, 2.0], [7.0, 0.0]], counts=[2, 1])
    mask, causal = cache.begin(2, None, torch.device("cpu"))
    assert not causal
    assert mask is not None
    assert mask.int().tolist() == [[[[1, 1, 1, 0], [1, 1, 1, 1]]], [[[1, 1, 0, 0], [1, 1, 1, 0]]]]


def test_a_pass_that_never_commits_changes_nothing() -> None:
    cache = new(rows=1)
    append(cache, [[1.0]])
    block = torch.full((1, 1, 1, 1), 9.0)
    cache.begin(1, None, block.device)
    cache.write(0, block, block)
    assert cache.lengths == [1]
    assert append(cache, [[2.0]]).tolist() == [[1.0, 2.0]]


def test_truncate_and_fork() -> None:
    cache = new(capacity=8)
    append(cache, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    cache.truncate([3, 2])
    copy = cache.fork([1, 1, 0])
    assert copy.lengths == [2, 2, 3]
    keys = append(copy, [[10.0], [11.0], [12.0]])
    assert [row[:length].tolist() for row, length in zip(keys, copy.lengths, strict=True)] == [
        [4.0, 5.0, 10.0],
        [4.0, 5.0, 11.0],
        [1.0, 2.0, 3.0, 12.0],
    ]
    assert cache.lengths == [3, 2]
    assert cache.keys[0][1, 0, :3, 0].tolist() == [4.0, 5.0, 6.0]


def test_what_cannot_be_is_refused() -> None:
    cache = new()
    append(cache, [[1.0], [2.0]])
    with pytest.raises(ConfigError):
        cache.truncate(2)
    with pytest.raises(ConfigError):
        cache.fork([2])
    with pytest.raises(ConfigError):
        cache.begin(1, [2, 0], torch.device("cpu"))
    with pytest.raises(ConfigError):
        KVCache(layers=0, kv_heads=1, head_dim=1)
