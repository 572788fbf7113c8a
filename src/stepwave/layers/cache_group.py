"""The caches of several conversations in one forward pass, each with a length of its own.

The new positions of all of them stand one after the other, [1, n, h], without padding. Everything but attention is the
same for each; attention looks into each cache apart, so nothing that is held need be moved together.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from stepwave.facts.errors import ConfigError
from stepwave.layers.cache import KVCache


class CacheGroup:
    """`caches`, of one row each, to which one pass appends `counts` positions each: `begin`, `attend` for each layer in
    turn, `commit`.

    A pass that fails before `commit` leaves the content of all of them as it was. Raises ConfigError for caches of
    several rows, and counts that don't fit.
    """

    def __init__(self, caches: Sequence[KVCache], counts: Sequence[int]) -> None:
        if any(cache.rows != 1 for cache in caches):
            raise ConfigError("cache group: each cache must have one row.")
        if len(counts) != len(caches) or not caches or min(counts) < 1:
            raise ConfigError(
                f"cache group: counts {list(counts)} came for {len(caches)} caches; give at least 1 for each."
            )
        self.caches = list(caches)
        self.counts = list(counts)
        self._masks: list[tuple[Tensor | None, bool]] = []

    @property
    def lengths(self) -> list[int]:
        """Positions that each cache will hold after the pass."""
        return [cache.lengths[0] + count for cache, count in zip(self.caches, self.counts, strict=True)]

    @property
    def positions(self) -> list[int]:
        """Places of the new positions, each in its own cache."""
        ends = zip(self.lengths, self.counts, strict=True)
        return [place for end, count in ends for place in range(end - count, end)]

    def begin(self, device: torch.device) -> None:
        """Make room for the new positions."""
        pairs = zip(self.caches, self.counts, strict=True)
        self._masks = [cache.begin(count, None, device) for cache, count in pairs]

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Store keys and values [1, kv_heads, n, d] of one layer, and let the queries [1, heads, n, d] of each cache
        look into it -> [1, heads, n, d]."""
        seen = []
        parts = (torch.split(part, self.counts, dim=2) for part in (q, k, v))
        for cache, (mask, causal), queries, keys, values in zip(self.caches, self._masks, *parts, strict=True):
            all_keys, all_values = cache.write(layer, keys, values)
            grouped = queries.shape[1] != keys.shape[1]
            seen.append(
                F.scaled_dot_product_attention(
                    queries, all_keys, all_values, attn_mask=mask, is_causal=causal, enable_gqa=grouped
                )
            )
        return torch.cat(seen, dim=2)

    def commit(self) -> None:
        """Count the positions written since `begin`."""
        for cache in self.caches:
            cache.commit()
