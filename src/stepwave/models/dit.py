"""The velocity field of flow matching: a diffusion transformer with a convolution block after each self-attention.

Follows reference facts 6.4 with the released parameter names. There is no positional encoding: order is known from the
causal convolutions. Frames see one another as the bands say; a stream's memory is a list of `BlockState`. Solver,
guidance and conditions are not here.

Letters: b batch (in guidance twice the utterances), n frames, m mel bands, w width, h heads, d head size.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.layers.frame_cache import KeyCache
from stepwave.layers.stream_conv import CausalConv
from stepwave.layers.visibility import Band, banded_attention
from stepwave.models.flow_config import FlowConfig

TIME_FEATURES = 256


@dataclass
class BlockState:
    """What one block remembers of a stream at one solver step: attention keys, the last inputs of the convolutions."""

    keys: KeyCache = field(default_factory=KeyCache)
    past: tuple[Tensor, Tensor] | None = None

    def fork(self) -> "BlockState":
        """A second state with the same past."""
        return BlockState(self.keys.fork(), self.past)


class TimeEmbedding(nn.Module):
    """Sinusoids of the time and a two-layer MLP: `t` `[b]` in 0..1 -> `[b, w]`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(TIME_FEATURES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        """Embed the time."""
        half = TIME_FEATURES // 2
        rate = torch.exp(torch.arange(half, device=t.device, dtype=torch.float32) * (-math.log(10000.0) / half))
        angle = (t.float() * 1000.0)[:, None] * rate
        features = torch.cat([angle.cos(), angle.sin()], dim=1).to(next(self.mlp.parameters()).dtype)
        embedded: Tensor = self.mlp(features)
        return embedded


class Attention(nn.Module):
    """Self-attention with a LayerNorm on each head's query and key."""

    def __init__(self, width: int, heads: int, head_size: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, heads * head_size)
        self.to_k = nn.Linear(width, heads * head_size)
        self.to_v = nn.Linear(width, heads * head_size)
        self.q_norm = nn.LayerNorm(head_size, eps=1e-5)
        self.k_norm = nn.LayerNorm(head_size, eps=1e-5)
        self.proj = nn.Linear(heads * head_size, width)

    def forward(self, x: Tensor, bands: Sequence[Band], cache: KeyCache | None) -> Tensor:
        """`[b, n, w]` -> `[b, n, w]`."""
        q = self.q_norm(self.to_q(x).unflatten(2, (self.heads, -1))).transpose(1, 2)
        k = self.k_norm(self.to_k(x).unflatten(2, (self.heads, -1))).transpose(1, 2)
        v = self.to_v(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
        if cache is not None:
            k, v = cache.extend(k, v)
        mixed: Tensor = self.proj(banded_attention(q, k, v, bands).transpose(1, 2).flatten(2))
        return mixed


class Mlp(nn.Module):
    """Linear, GELU in its tanh form, linear."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[b, n, w]` -> `[b, n, w]`."""
        result: Tensor = self.fc2(F.gelu(self.fc1(x), approximate="tanh"))
        return result


class ConvBlock(nn.Module):
    """Causal convolution, LayerNorm, Mish, causal convolution; the numbers are the released names."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.ModuleDict(
            {"1": CausalConv(width, width, 3), "3": nn.LayerNorm(width, eps=1e-5), "6": CausalConv(width, width, 3)}
        )

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """`[b, n, w]` -> `[b, n, w]` and the next call's `past` (the last 2 inputs of each convolution)."""
        first, second = self.block["1"], self.block["6"]
        assert isinstance(first, CausalConv)
        assert isinstance(second, CausalConv)
        y, past_first = first.extend(x, past[0] if past else None)
        y, past_second = second.extend(F.mish(self.block["3"](y)), past[1] if past else None)
        return y, (past_first, past_second)


def modulate(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """Normalise without weights, then scale and shift by the time's vectors `[b, 1, w]`."""
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


class DiTBlock(nn.Module):
    """Attention, convolution and MLP, in this order, each modulated and gated by the time."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        width = config.width
        self.attn = Attention(width, config.heads, config.head_size)
        self.conv = ConvBlock(width)
        self.mlp = Mlp(width, int(width * config.mlp_ratio))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 9 * width))

    def forward(self, x: Tensor, modulation: Tensor, bands: Sequence[Band], state: BlockState | None) -> Tensor:
        """`x` `[b, n, w]`, `modulation` `[b or 1, 1, 9w]` -> `[b, n, w]`."""
        # stored order: attention, MLP, convolution; each with shift, scale, gate
        a_shift, a_scale, a_gate, m_shift, m_scale, m_gate, c_shift, c_scale, c_gate = modulation.chunk(9, dim=2)
        x = x + a_gate * self.attn(modulate(x, a_shift, a_scale), bands, state.keys if state else None)
        y, past = self.conv(modulate(x, c_shift, c_scale), state.past if state else None)
        if state:
            state.past = past
        x = x + c_gate * y
        result: Tensor = x + m_gate * self.mlp(modulate(x, m_shift, m_scale))
        return result


class FinalLayer(nn.Module):
    """Modulated projection to the mel bands."""

    def __init__(self, width: int, mel_bands: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, mel_bands)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """`x` `[b, n, w]`, `modulation` `[b or 1, 1, 2w]` -> `[b, n, m]`."""
        shift, scale = modulation.chunk(2, dim=2)
        result: Tensor = self.linear(modulate(x, shift, scale))
        return result


class DiT(nn.Module):
    """Velocity `[b, n, m]` at a point `[b, n, m]` of the path from noise to mel.

    What does not change from step to step is computed once by the caller: `condition` (once per chunk) and `modulation`
    (once per set of times).
    """

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.mel_bands = config.mel_bands
        self.t_embedder = TimeEmbedding(config.width)
        self.in_proj = nn.Linear(4 * config.mel_bands, config.width)
        self.blocks = nn.ModuleList(DiTBlock(config) for _ in range(config.depth))
        self.final_layer = FinalLayer(config.width, config.mel_bands)
        self._start_as_zero()

    def _start_as_zero(self) -> None:
        """Gates and output start at zero, so that a block begins as the identity (adaLN-Zero, Peebles & Xie 2023)."""
        layers = [layer.adaLN_modulation[1] for layer in (*self.blocks, self.final_layer)]
        for layer in (*layers, self.final_layer.linear):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def modulation(self, t: Tensor) -> list[Tensor]:
        """Times `[b]` -> one `[b, 1, 9w]` for each block and `[b, 1, 2w]` for the final layer."""
        embedded = self.t_embedder(t)[:, None]
        return [layer.adaLN_modulation(embedded) for layer in (*self.blocks, self.final_layer)]

    def condition(self, mu: Tensor, speaker: Tensor, prompt: Tensor) -> Tensor:
        """The input projection's part that stays: mu and prompt mel `[b, n, m]`, speaker `[b, 1, m]` -> `[b, n, w]`."""
        m = self.mel_bands
        fixed = torch.cat([mu, speaker.expand_as(mu), prompt], dim=2)
        return F.linear(fixed, self.in_proj.weight[:, m:], self.in_proj.bias)

    def forward(
        self,
        x: Tensor,
        condition: Tensor,
        modulation: Sequence[Tensor],
        bands: Sequence[Band],
        states: Sequence[BlockState] | None = None,
    ) -> Tensor:
        """`x` `[b, n, m]`, `condition` `[b, n, w]` -> velocity `[b, n, m]`; `states`: one per block, for a stream."""
        x = F.linear(x, self.in_proj.weight[:, : self.mel_bands]) + condition
        for index, block in enumerate(self.blocks):
            x = block(x, modulation[index], bands, states[index] if states else None)
        velocity: Tensor = self.final_layer(x, modulation[-1])
        return velocity
