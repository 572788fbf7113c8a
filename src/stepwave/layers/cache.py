"""Keys and values of a causal decoder, kept between calls.

Storage is allocated ahead and doubles when it is full, so that appending a token moves nothing. Rows of a batch have
lengths of their own and hold no padding: position i of a row is always its i-th real token. A cache can be cut back
(`truncate`) and its rows copied (`fork`: one prompt, several answers), which is how sessions keep what they have heard.

Not here: windows, paging, sharing of storage between forks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError


class KVCache:
    """A cache of `layers` layers and `rows` rows. One forward pass is `begin`, `write` for each layer in turn,
    `commit`.

    `keys` and `values` are the storage, [layers, rows, kv_heads, capacity, head_dim]; growing replaces them.
    A pass that fails between `begin` and `commit` leaves the lengths, and so the content, as they were.
    """

    def __init__(
        self,
        layers: int,
        kv_heads: int,
        head_dim: int,
        *,
        rows: int = 1,
        capacity: int = 256,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if min(layers, kv_heads, head_dim, rows, capacity) < 1:
            raise ConfigError("cache: layers, kv_heads, head_dim, rows and capacity must each be at least 1.")
        # zeros, not fresh memory: a masked position's value is still multiplied by 0, and 0 * nan is nan
        shape = (layers, rows, kv_heads, capacity, head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)
        self._lengths = [0] * rows
        self._counts: list[int] = []
        self._new = 0
        self._slots: Tensor | None = None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._lengths)

    @property
    def lengths(self) -> list[int]:
        """Real positions held by each row (a copy)."""
        return list(self._lengths)

    @property
    def capacity(self) -> int:
        """Positions for which there is room now."""
        return self.keys.shape[3]

    def reserve(self, positions: int) -> None:
        """Make room for `positions` per row, by doubling until it is enough; what is held stays."""
        capacity = self.capacity
        if positions <= capacity:
            return
        while capacity < positions:
            capacity *= 2
        self.keys, self.values = self._grown(self.keys, capacity), self._grown(self.values, capacity)

    def _grown(self, store: Tensor, capacity: int) -> Tensor:
        held = max(self._lengths)
        grown = store.new_zeros(*store.shape[:3], capacity, store.shape[4])
        grown[:, :, :, :held] = store[:, :, :, :held]
        return grown

    def begin(self, new: int, counts: Sequence[int] | None, device: torch.device) -> tuple[Tensor | None, bool]:
        """Prepare for `new` positions per row, of which the first `counts[i]` are real in row i (all, by default).

        Returns what `scaled_dot_product_attention` wants: a boolean mask [rows, 1, new, t] or None, and whether plain
        causal attention is meant. Raises ConfigError for counts that do not fit.
        """
        self._counts = [new] * self.rows if counts is None else list(counts)
        if len(self._counts) != self.rows or not all(0 <= count <= new for count in self._counts):
            raise ConfigError(
                f"cache: counts {self._counts} do not fit {self.rows} rows of {new} new positions; "
                "give one number per row."
            )
        self._new = new
        first, last = min(self._lengths), max(self._lengths)
        self.reserve(last + new)
        if first == last:
            self._slots = None
            if new == 1:
                return None, False
            if last == 0:
                return None, True
            ahead = torch.arange(new, device=device).unsqueeze(1) + last
            return (torch.arange(last + new, device=device) <= ahead)[None, None], False
        start = torch.tensor(self._lengths, device=device).unsqueeze(1)
        self._slots = start + torch.arange(new, device=device)
        seen = torch.arange(last + new, device=device)
        return (seen <= self._slots.unsqueeze(-1)).unsqueeze(1), False

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store new keys and values [rows, kv_heads, new, head_dim] of one layer; returns all of them [.., t, ..]
        (views)."""
        store_k, store_v = self.keys[layer], self.values[layer]
        last = max(self._lengths)
        end = last + self._new
        if self._slots is None:
            store_k[:, :, last:end] = keys
            store_v[:, :, last:end] = values
        else:
            slots = self._slots[:, None, :, None].expand_as(keys)
            store_k.scatter_(2, slots, keys.to(store_k.dtype))
            store_v.scatter_(2, slots, values.to(store_v.dtype))
        return store_k[:, :, :end].to(keys.dtype), store_v[:, :, :end].to(values.dtype)

    def commit(self) -> None:
        """Count the real positions written since `begin`; padding behind them is overwritten by the next pass."""
        self._lengths = [length + count for length, count in zip(self._lengths, self._counts, strict=True)]

    def truncate(self, lengths: int | Sequence[int]) -> None:
        """Cut rows back to `lengths` positions (one number for all rows, or one per row); raises ConfigError if a row
        is shorter."""
        wanted = [lengths] * self.rows if isinstance(lengths, int) else list(lengths)
        if len(wanted) != self.rows or not all(0 <= w <= held for w, held in zip(wanted, self._lengths, strict=True)):
            raise ConfigError(f"cache: can't cut rows of lengths {self._lengths} to {wanted}.")
        self._lengths = wanted

    def take(self, other: KVCache) -> None:
        """Hold what `other`, of the same shape but for its capacity, holds, in place of what was held."""
        held = max(other.lengths)
        self.reserve(held)
        self.keys[:, :, :, :held] = other.keys[:, :, :, :held]
        self.values[:, :, :, :held] = other.values[:, :, :, :held]
        self._lengths = other.lengths

    def fork(self, rows: Sequence[int]) -> KVCache:
        """A new cache whose row i is a copy of this one's row `rows[i]`; a row may be taken several times or not at
        all."""
        if not rows or not all(0 <= row < self.rows for row in rows):
            raise ConfigError(f"cache: can't take rows {list(rows)} of a cache with {self.rows} rows.")
        copy = KVCache.__new__(KVCache)
        taken = torch.tensor(list(rows), device=self.keys.device)
        copy.keys = self.keys.index_select(1, taken)
        copy.values = self.values.index_select(1, taken)
        copy._lengths = [self._lengths[row] for row in rows]
        copy._counts, copy._new, copy._slots = [], 0, None
        return copy
