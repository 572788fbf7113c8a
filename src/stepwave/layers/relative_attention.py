"""Self-attention with relative sinusoidal positions in the Transformer-XL form.

score = ((q + u) . k + (q + v) . p) / sqrt(d), where p projects a sinusoid of the distance query minus key
(reference facts 6.3). Letters: b batch, h heads, d head width, w width = h * d, n new frames.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.layers.frame_cache import KeyCache
from stepwave.layers.visibility import Band


@dataclass(frozen=True)
class Distances:
    """Sinusoids of the distances that occur under a rule: `table` `[distances, w]`, from `highest` downwards."""

    table: Tensor
    highest: int
    offset: int
    """Keys held before the first new one: the index of query 0 among the keys."""

    def rows(self, band: Band) -> slice:
        """The table's rows for a band: from its largest distance (last query, first key) to its smallest."""
        skip = self.highest - (self.offset + band.stop - 1 - band.tail)
        return slice(skip, skip + (band.stop - band.start) + (band.end - band.tail) - 1)


def distances(bands: Sequence[Band], offset: int, width: int, device: torch.device, dtype: torch.dtype) -> Distances:
    """Sinusoids for all distances in `bands` (which must not have a head): base 10000, sine in even channels."""
    highest = max(offset + band.stop - 1 - band.tail for band in bands)
    lowest = min(offset + band.start - (band.end - 1) for band in bands)
    distance = torch.arange(highest, lowest - 1, -1, device=device, dtype=torch.float32)
    rate = torch.exp(torch.arange(0, width, 2, device=device, dtype=torch.float32) * (-math.log(10000.0) / width))
    angle = distance[:, None] * rate
    table = torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
    return Distances(table.to(dtype), highest, offset)


def shift(scores: Tensor, keys: int) -> Tensor:
    """Transformer-XL shift: `[.., n, n + keys - 1]` over distances, largest first, to `[.., n, keys]`.

    Query i meets key j in column n - 1 - i + j, so each row starts one column before the row above it: in flat memory
    that is a plain view with rows one shorter.
    """
    queries, columns = scores.shape[-2:]
    if queries == 1:
        return scores
    flat = scores.flatten(-2)[..., queries - 1 : queries - 1 + queries * (columns - 1)]
    return flat.reshape(*scores.shape[:-2], queries, columns - 1)[..., :keys]


class RelativeAttention(nn.Module):
    """Multi-head self-attention over frames with relative positions; parameter names as in the released flow.pt."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear_q = nn.Linear(width, width)
        self.linear_k = nn.Linear(width, width)
        self.linear_v = nn.Linear(width, width)
        self.linear_out = nn.Linear(width, width)
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.empty(heads, width // heads))
        self.pos_bias_v = nn.Parameter(torch.empty(heads, width // heads))
        nn.init.xavier_uniform_(self.pos_bias_u)
        nn.init.xavier_uniform_(self.pos_bias_v)

    def split(self, x: Tensor) -> Tensor:
        """`[.., n, w]` -> `[.., h, n, d]`."""
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(-3, -2)

    def forward(self, x: Tensor, bands: Sequence[Band], positions: Distances, cache: KeyCache | None = None) -> Tensor:
        """`x` `[b, n, w]` -> `[b, n, w]` under the rule `bands`; `cache` holds earlier frames and gains these."""
        q, k, v = self.split(self.linear_q(x)), self.split(self.linear_k(x)), self.split(self.linear_v(x))
        if cache is not None:
            k, v = cache.extend(k, v)
        p = self.split(self.linear_pos(positions.table))
        by_content = q + self.pos_bias_u[:, None]
        by_place = (q + self.pos_bias_v[:, None]) * q.shape[-1] ** -0.5
        parts = []
        for band in bands:
            keys = band.end - band.tail
            scores = by_place[:, :, band.start : band.stop] @ p[:, positions.rows(band)].transpose(-2, -1)
            bias = shift(scores, keys)
            if band.mask is not None:
                bias = bias.masked_fill(~band.mask, -math.inf)
            parts.append(
                F.scaled_dot_product_attention(
                    by_content[:, :, band.start : band.stop], band.pick(k), band.pick(v), attn_mask=bias
                )
            )
        mixed = parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
        result: Tensor = self.linear_out(mixed.transpose(1, 2).flatten(2))
        return result
