"""Multi-head attention in Whisper's parameter layout: for the encoder, the speech tokenizers, Whisper's decoder.

Grouped-query attention of the language model is not here: it lives with the decoder and its cache.
Letters: b batch, t query positions, s key positions, w width, h heads, d head width (w = h * d).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MASKED = -1e10
"""Added to the score of a position that must not be attended (reference facts 3.1).

It is finite on purpose: a row without any valid position then attends to all positions evenly instead of giving NaN.
"""


def length_mask(lengths: Tensor, count: int) -> Tensor:
    """Which of `count` positions are valid when the first `lengths` `[b]` of each row are: bool `[b, count]`."""
    return torch.arange(count, device=lengths.device) < lengths[:, None]


def attention_bias(valid: Tensor, dtype: torch.dtype) -> Tensor:
    """Turn validity `[b, s]` (bool) into an additive score bias `[b, 1, 1, s]`: 0 where valid, `MASKED` elsewhere."""
    lowest = max(MASKED, torch.finfo(dtype).min)
    bias = torch.zeros(valid.shape, dtype=dtype, device=valid.device).masked_fill(~valid, lowest)
    return bias[:, None, None, :]


class MultiHeadAttention(nn.Module):
    """Attention with a bias on query, value and output projection and none on the key, as in Whisper."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        """`[b, t, w]` -> `[b, h, t, d]`."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None, *, causal: bool = False) -> Tensor:
        """Weigh `v` by the scores of `q` and `k` (all `[b, h, t or s, d]`); heads joined again, `[b, t, w]`.

        The reference scales q and k by d^-0.25 each and takes the softmax in float32. The fused kernel scales the
        score once and keeps it in float32 throughout: equal in float32 up to rounding, and finer in bfloat16.
        """
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=causal)
        return mixed.transpose(1, 2).flatten(2)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Self-attention over `x` `[b, t, w]` with an optional score bias that broadcasts to `[b, h, t, t]`."""
        q, k, v = (self.split(project(x)) for project in (self.query, self.key, self.value))
        mixed: Tensor = self.out(self.attend(q, k, v, bias))
        return mixed


def feed_forward(width: int, hidden: int) -> nn.Sequential:
    """Linear, exact GELU, linear; the parameters are named `0.*` and `2.*` as in Whisper."""
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
