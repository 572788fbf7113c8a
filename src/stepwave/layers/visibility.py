"""Who may look at whom in attention over frames: everything, chunk by chunk, or earlier frames within a window.

A rule is written as `Band`s: for a run of queries, the two runs of keys it needs and, where not all of these may be
seen, a boolean mask. Work and memory then grow with frames x window instead of frames squared, and one rule serves a
whole utterance as well as a stream that has kept only some earlier keys. Not here: the decoder's causal cache
(`layers/cache`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from stepwave.layers.frame_cache import Kept

BLOCK = 256
"""Queries per band under the window rule: long enough for fast products, short enough to skip keys out of sight."""


@dataclass(frozen=True)
class Band:
    """Queries `[start, stop)` look at the keys `[0, head)` and `[tail, end)`.

    Queries count from the first new frame; keys from the first key held, so a stream's new keys follow its kept ones.
    `mask` is `[1 or batch, 1, stop - start, head + end - tail]`, True where visible; None: all are visible.
    """

    start: int
    stop: int
    head: int
    tail: int
    end: int
    mask: Tensor | None = None

    def doubled(self) -> "Band":
        """The band for a batch that holds every row twice (both halves of guidance)."""
        if self.mask is None or self.mask.shape[0] == 1:
            return self
        return replace(self, mask=torch.cat([self.mask, self.mask]))

    def pick(self, x: Tensor) -> Tensor:
        """The keys or values of this band, from all of them `[.., keys, d]`."""
        near = x[..., self.tail : self.end, :]
        return torch.cat([x[..., : self.head, :], near], dim=-2) if self.head else near


def everything(frames: int, lengths: Tensor | None = None) -> list[Band]:
    """Each of `frames` frames sees all, or with `lengths` `[b]` the first that many of its row (at least 1)."""
    mask = None
    if lengths is not None:
        mask = (torch.arange(frames, device=lengths.device) < lengths[:, None])[:, None, None, :]
    return [Band(0, frames, 0, 0, frames, mask)]


def chunks(bounds: Sequence[int], left: int | None, head: int = 0, lengths: Tensor | None = None) -> list[Band]:
    """Frames between two neighbours in `bounds` (0, .., frames) see one another, `left` frames before, the `head`.

    `left` None: everything before. With `lengths` `[b]`, frames past the end of a row stay unseen.
    """
    bands = []
    for start, stop in pairwise(bounds):
        kept = Kept.after(start, left, head)
        tail = start - kept.tail
        mask = None
        if lengths is not None:
            keys = torch.cat([torch.arange(kept.head), torch.arange(tail, stop)]).to(lengths.device)
            mask = (keys < lengths[:, None])[:, None, None, :].expand(-1, -1, stop - start, -1)
        bands.append(Band(start, stop, kept.head, tail, stop, mask))
    return bands


def window(
    frames: int,
    left: int,
    head: int = 0,
    *,
    kept: Kept | None = None,
    heads: Tensor | None = None,
    device: torch.device | None = None,
) -> list[Band]:
    """Each of `frames` new frames sees itself, `left` frames before it, and those of the first `head` that are earlier.

    `kept` says what is held of earlier frames (a stream). `heads` `[b]` instead of `head` gives every row its own
    number, for training: one band then holds the whole mask, whose shape does not depend on the values.
    """
    kept = kept or Kept()
    total = kept.count + frames
    # keys by their true position: the forgotten ones lie between head and tail
    gap = kept.position - kept.count
    if heads is not None:
        place = torch.arange(total, device=device)
        mask = (place[None] <= place[:, None]) & (
            (place[:, None] - place[None] <= left) | (place[None] < heads[:, None, None])
        )
        return [Band(0, frames, 0, 0, total, mask[:, None])]
    bands = []
    for start in range(0, frames, BLOCK):
        stop = min(start + BLOCK, frames)
        first = max(0, kept.position + start - left)
        band_head, tail = min(head, first), first - gap
        queries = torch.arange(kept.position + start, kept.position + stop, device=device)[:, None]
        keys = torch.cat(
            [torch.arange(band_head, device=device), torch.arange(tail, kept.count + stop, device=device) + gap]
        )[None]
        seen = (keys <= queries) & ((queries - keys <= left) | (keys < head))
        if band_head == tail:  # neighbours among the held keys: one run
            band_head = tail = 0
        bands.append(Band(start, stop, band_head, tail, kept.count + stop, seen[None, None]))
    return bands


def banded_attention(q: Tensor, k: Tensor, v: Tensor, bands: Sequence[Band]) -> Tensor:
    """Scaled dot-product attention under a rule: `q` `[b, h, n, d]`, `k` and `v` `[b, h, keys, d]` -> like `q`."""
    parts = [
        F.scaled_dot_product_attention(q[:, :, band.start : band.stop], band.pick(k), band.pick(v), attn_mask=band.mask)
        for band in bands
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
