"""Caches of several conversations in one pass; what attention computes is tested by those who use them."""

import pytest
import torch

from stepwave.facts.errors import ConfigError
from stepwave.layers.cache import KVCache
from stepwave.layers.cache_group import CacheGroup


def holding(positions: int, rows: int = 1) -> KVCache:
    cache = KVCache(1, 2, 4, rows=rows, capacity=2)
    cache.begin(positions, None, torch.device("cpu"))
    block = torch.randn(rows, 2, positions, 4)
    cache.write(0, block, -block)
    cache.commit()
    return cache


def test_new_positions_follow_what_each_cache_holds() -> None:
    caches = [holding(3), holding(1)]
    group = CacheGroup(caches, [1, 2])
    assert group.lengths == [4, 3]
    assert group.positions == [3, 1, 2]
    group.begin(torch.device("cpu"))
    k = torch.randn(1, 2, 3, 4)
    group.attend(0, torch.randn(1, 4, 3, 4), k, 2 * k)
    assert [cache.lengths for cache in caches] == [[3], [1]], "a pass that is not over must change nothing"
    group.commit()
    assert [cache.lengths for cache in caches] == [[4], [3]]
    torch.testing.assert_close(caches[0].keys[0, :, :, 3:4], k[:, :, :1])
    torch.testing.assert_close(caches[1].values[0, :, :, 1:3], 2 * k[:, :, 1:])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="one row"):
        CacheGroup([holding(2, rows=2)], [1])
    for counts in ([], [1], [1, 0]):
        with pytest.raises(ConfigError, match="2 caches"):
            CacheGroup([holding(1), holding(2)], counts)
