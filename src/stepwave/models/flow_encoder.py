"""The encoder of flow matching: speech codes' embeddings (25 per second) to frames (50 per second).

A conformer without its convolution modules: a look-ahead over 3 codes, layers at code rate, up-sampling by two, layers
at frame rate (reference facts 6.3; parameter names are the released ones). It knows nothing of codes, mels or chunks:
which frames see which comes in as bands, and what a stream remembers lies in `EncoderState`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.layers.frame_cache import KeyCache
from stepwave.layers.relative_attention import Distances, RelativeAttention, distances
from stepwave.layers.stream_conv import CausalConv
from stepwave.layers.visibility import Band
from stepwave.models.flow_config import FlowConfig

LOOK_AHEAD = 3
"""Codes after a code that its frames depend on."""


class InputProjection(nn.Module):
    """Linear, LayerNorm and scaling by sqrt(width): `[b, n, w]` -> `[b, n, w]`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width, eps=1e-5))
        self.scale = width**0.5

    def forward(self, x: Tensor) -> Tensor:
        """Project and scale."""
        result: Tensor = self.out(x) * self.scale
        return result


class LookAhead(nn.Module):
    """Mixes the next 3 and the last 2 frames into each; the model's only view of the future under causal masks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(width, width, LOOK_AHEAD + 1)
        self.conv2 = CausalConv(width, width, 3)

    def forward(self, x: Tensor, ahead: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`x` `[b, n, w]` and the 3 frames after it, `ahead` `[b, 3, w]` -> `[b, n, w]` and the next call's `past`."""
        seen = torch.cat([x, ahead], dim=1).transpose(1, 2)
        y = F.leaky_relu(self.conv1(seen).transpose(1, 2), 0.01)
        y, past = self.conv2.extend(y, past)
        return x + y, past


class FeedForward(nn.Module):
    """Linear, SiLU, linear."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.w_1 = nn.Linear(width, hidden)
        self.w_2 = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """`[b, n, w]` -> `[b, n, w]`."""
        result: Tensor = self.w_2(self.dropout(F.silu(self.w_1(x))))
        return result


class EncoderLayer(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        width = config.encoder_width
        self.self_attn = RelativeAttention(width, config.encoder_heads)
        self.feed_forward = FeedForward(width, config.encoder_hidden, config.dropout)
        self.norm_mha = nn.LayerNorm(width, eps=1e-12)
        self.norm_ff = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, bands: Sequence[Band], positions: Distances, cache: KeyCache | None) -> Tensor:
        """`[b, n, w]` -> `[b, n, w]`."""
        x = x + self.dropout(self.self_attn(self.norm_mha(x), bands, positions, cache))
        result: Tensor = x + self.dropout(self.feed_forward(self.norm_ff(x)))
        return result


class UpSample(nn.Module):
    """Every frame twice, then a causal convolution of 5."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = CausalConv(width, width, 5)

    def forward(self, x: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`[b, n, w]` -> `[b, 2n, w]` and the next call's `past`."""
        return self.conv.extend(x.repeat_interleave(2, dim=1), past)


@dataclass
class EncoderState:
    """What one stream remembers between chunks; tensors in it are replaced, never written to."""

    ahead_past: Tensor | None = None
    up_past: Tensor | None = None
    caches: list[KeyCache] = field(default_factory=list)
    up_caches: list[KeyCache] = field(default_factory=list)

    def trim(self, left: int) -> None:
        """Forget all but the last `left` frames (half as many codes)."""
        for cache in self.caches:
            cache.trim(0, left // 2)
        for cache in self.up_caches:
            cache.trim(0, left)

    def fork(self) -> "EncoderState":
        """A second state with the same past."""
        return EncoderState(
            self.ahead_past, self.up_past, [c.fork() for c in self.caches], [c.fork() for c in self.up_caches]
        )


class FlowEncoder(nn.Module):
    """Embedded codes to frames, in three calls: `embed`, `look_ahead`, `forward`."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        width = config.encoder_width
        self.embed = InputProjection(width)
        self.pre_lookahead_layer = LookAhead(width)
        self.encoders = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_blocks))
        self.up_layer = UpSample(width)
        self.up_embed = InputProjection(width)
        self.up_encoders = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_up_blocks))
        self.after_norm = nn.LayerNorm(width, eps=1e-5)

    def state(self) -> EncoderState:
        """The state of a stream that has heard nothing yet."""
        return EncoderState(
            caches=[KeyCache() for _ in self.encoders], up_caches=[KeyCache() for _ in self.up_encoders]
        )

    def forward(
        self, x: Tensor, bands: Sequence[Band], up_bands: Sequence[Band], state: EncoderState | None = None
    ) -> Tensor:
        """`x` `[b, n, w]` after the look-ahead -> `[b, 2n, w]`, under `bands` (codes) and `up_bands` (frames)."""
        x = self._layers(self.encoders, x, bands, state.caches if state else None)
        x, past = self.up_layer(x, state.up_past if state else None)
        if state:
            state.up_past = past
        x = self._layers(self.up_encoders, self.up_embed(x), up_bands, state.up_caches if state else None)
        result: Tensor = self.after_norm(x)
        return result

    def _layers(self, layers: nn.ModuleList, x: Tensor, bands: Sequence[Band], caches: list[KeyCache] | None) -> Tensor:
        positions = distances(bands, caches[0].length if caches else 0, x.shape[2], x.device, x.dtype)
        for index, layer in enumerate(layers):
            x = layer(x, bands, positions, caches[index] if caches else None)
        return x
