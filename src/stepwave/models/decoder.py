"""The language model's decoder: one class for the Qwen2 shape (mini) and the Llama shape (nano).

Pre-norm blocks with RMSNorm, grouped-query attention, half-rotation RoPE and a SwiGLU MLP (reference facts 3.4).
Parameter names are the released ones (`model.embed_tokens.weight`, `model.layers.N.self_attn.q_proj.weight`, ...,
facts 1.3), so a Qwen2, Llama or Step-Audio 2 state dict loads without renaming.

Not here: joining audio with text (`audio_language_model`), the cache's storage (`layers.cache`), sampling
(`generation`).

Dimensions in comments: b rows, s new positions, t positions in all, h hidden, d head dimension.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from stepwave.facts.errors import ConfigError
from stepwave.layers.cache import KVCache
from stepwave.layers.cache_group import CacheGroup
from stepwave.layers.grouped_attention import LONGEST, grouped_causal_attention
from stepwave.layers.packed_documents import PackedDocuments
from stepwave.layers.rotary import rotary_table, rotate
from stepwave.models.quantised_linear import QuantisedWeight

MOST_TOGETHER: Final = 32
"""Positions of several conversations that plain matrix products compute in one pass about as quickly as a single one,
which reads as many weights."""


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of a decoder; the defaults are mini's (reference facts 1.2)."""

    vocab_size: int = 158_720
    """Rows of the embedding and of the head, padding rows included."""
    hidden_size: int = 3584
    """Width of the residual stream."""
    intermediate_size: int = 18_944
    """Width inside the MLP."""
    layers: int = 28
    """Number of blocks."""
    heads: int = 28
    """Query heads."""
    kv_heads: int = 4
    """Key and value heads; each serves heads / kv_heads query heads."""
    head_dim: int = 128
    """Dimensions of one head."""
    rope_theta: float = 1_000_000.0
    """Base of the rotary frequencies."""
    norm_eps: float = 1e-6
    """Epsilon of every RMSNorm."""
    qkv_bias: bool = True
    """Whether the query, key and value projections have biases (Qwen2 yes, Llama no)."""
    tied: bool = False
    """Whether the output head is the embedding matrix itself."""
    max_positions: int = 16_384
    """Longest sequence the weights were made for; longer ones are refused."""
    initializer_range: float = 0.02
    """Standard deviation of fresh weights."""

    def __post_init__(self) -> None:
        for name in ("vocab_size", "hidden_size", "intermediate_size", "layers", "heads", "kv_heads", "head_dim"):
            if getattr(self, name) < 1:
                raise ConfigError(f"decoder: {name} is {getattr(self, name)}; it must be at least 1.")
        if self.heads % self.kv_heads:
            raise ConfigError(
                f"decoder: {self.heads} query heads can't share {self.kv_heads} key/value heads evenly; "
                "choose kv_heads that divides heads."
            )
        if self.head_dim % 2:
            raise ConfigError(f"decoder: head_dim is {self.head_dim}; rotary embedding needs an even number.")
        if self.max_positions < 1 or self.rope_theta <= 0 or self.norm_eps <= 0 or self.initializer_range < 0:
            raise ConfigError(
                "decoder: max_positions, rope_theta and norm_eps must be positive, initializer_range >= 0."
            )

    @classmethod
    def mini(cls) -> DecoderConfig:
        """The decoder of `stepfun-ai/Step-Audio-2-mini`: Qwen2.5-7B with 158,720 rows, head not tied."""
        return cls()

    @classmethod
    def smollm2(cls, vocab_size: int = 55_744, layers: int = 30) -> DecoderConfig:
        """SmolLM2-135M (Llama shape, tied). The default rows are its 49,152, our special ids and 6,562 speech ids, up
        to a multiple of 64; its first `layers` blocks may be kept alone."""
        return cls(
            vocab_size=vocab_size, hidden_size=576, intermediate_size=1536, layers=layers, heads=9, kv_heads=3,
            head_dim=64, rope_theta=100_000.0, norm_eps=1e-5, qkv_bias=False, tied=True, max_positions=8192,
            initializer_range=1 / 24,
        )  # fmt: skip

    @classmethod
    def tiny(cls, vocab_size: int = 256, *, qwen: bool = True) -> DecoderConfig:
        """A toy of either shape for tests: width 32, 2 layers, 4 query and 2 key/value heads."""
        base = cls(
            vocab_size=vocab_size, hidden_size=32, intermediate_size=64, layers=2, heads=4, kv_heads=2, head_dim=8,
            max_positions=512, initializer_range=0.2,
        )  # fmt: skip
        return base if qwen else replace(base, qkv_bias=False, tied=True, rope_theta=10_000.0, norm_eps=1e-5)


class DecoderAttention(nn.Module):
    """Causal grouped-query self-attention with rotary positions."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        h, q, kv = config.hidden_size, config.heads * config.head_dim, config.kv_heads * config.head_dim
        self.q_proj = nn.Linear(h, q, bias=config.qkv_bias)
        self.k_proj = nn.Linear(h, kv, bias=config.qkv_bias)
        self.v_proj = nn.Linear(h, kv, bias=config.qkv_bias)
        self.o_proj = nn.Linear(q, h, bias=False)

    def forward(
        self,
        x: Tensor,
        rotary: tuple[Tensor, Tensor],
        mask: Tensor | PackedDocuments | None,
        causal: bool,
        cache: KVCache | CacheGroup | None,
        layer: int,
    ) -> Tensor:
        """[b, s, h] -> [b, s, h]; `mask` (boolean, True = visible) or `causal` says what each position sees."""
        b, s, _ = x.shape
        # The number of heads follows from the projections: under tensor parallelism each rank has some of them.
        q = rotate(self.q_proj(x).view(b, s, -1, self.head_dim).transpose(1, 2), *rotary)
        k = rotate(self.k_proj(x).view(b, s, -1, self.head_dim).transpose(1, 2), *rotary)
        v = self.v_proj(x).view(b, s, -1, self.head_dim).transpose(1, 2)
        if isinstance(cache, KVCache):
            k, v = cache.write(layer, k, v)
        if isinstance(cache, CacheGroup):
            out = cache.attend(layer, q, k, v)
        elif isinstance(mask, PackedDocuments):
            out = mask.attend(q, k, v)
        elif causal and cache is None and x.device.type == "cpu" and torch.is_grad_enabled() and s <= LONGEST:
            out = grouped_causal_attention(q, k, v)
        else:
            grouped = q.shape[1] != k.shape[1]
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=grouped)
        result: Tensor = self.o_proj(out.transpose(1, 2).reshape(b, s, -1))
        return result


class DecoderMLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x))."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[b, s, h] -> [b, s, h]."""
        result: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return result


class DecoderBlock(nn.Module):
    """Attention and MLP, each behind an RMSNorm and added to the residual stream."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.self_attn = DecoderAttention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.mlp = DecoderMLP(config)

    def forward(
        self,
        x: Tensor,
        rotary: tuple[Tensor, Tensor],
        mask: Tensor | PackedDocuments | None,
        causal: bool,
        cache: KVCache | CacheGroup | None,
        layer: int,
    ) -> Tensor:
        """[b, s, h] -> [b, s, h]."""
        x = x + self.self_attn(self.input_layernorm(x), rotary, mask, causal, cache, layer)
        result: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return result


class DecoderStack(nn.Module):
    """Embedding, blocks and final norm: what the released names put under `model.`."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderBlock(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)


class Decoder(nn.Module):
    """A Qwen2- or Llama-shaped decoder. `embed`, `forward` and `head` are separate steps, so that audio rows can be put
    between the first two and logits are computed only where they are wanted."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.recompute = False
        """Training: compute each block again in the backward pass instead of keeping what it needs (activation
        checkpointing)."""
        self.model = DecoderStack(config)
        self.lm_head = None if config.tied else nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.apply(self._initialise)

    def _initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    @property
    def most_together(self) -> int:
        """Positions of several conversations (`CacheGroup`) that are worth computing in one pass."""
        return MOST_TOGETHER

    @property
    def head_layer(self) -> nn.Module:
        """The layer whose weights score the vocabulary: the embedding itself where the head is tied."""
        return self.model.embed_tokens if self.lm_head is None else self.lm_head

    def embed(self, ids: Tensor) -> Tensor:
        """Ids [b, s] -> embeddings [b, s, h], as precise as the norms: rows may be stored in less."""
        result: Tensor = self.model.embed_tokens(ids).to(self.model.norm.weight.dtype)
        return result

    def new_cache(self, rows: int = 1, capacity: int = 256) -> KVCache:
        """An empty cache for this decoder, in the dtype and on the device of its weights."""
        config, weight = self.config, self.model.norm.weight
        return KVCache(
            config.layers, config.kv_heads, config.head_dim,
            rows=rows, capacity=capacity, dtype=weight.dtype, device=weight.device,
        )  # fmt: skip

    def forward(
        self,
        embeddings: Tensor,
        positions: Tensor | None = None,
        *,
        mask: Tensor | PackedDocuments | None = None,
        cache: KVCache | CacheGroup | None = None,
        counts: list[int] | None = None,
    ) -> Tensor:
        """Embeddings [b, s, h] -> hidden states after the final norm [b, s, h], for `head`.

        `positions` [b, s] or [s]: rotary positions; by default they count on from what the cache holds (from 0
        without one).
        `mask`: boolean, True = visible, broadcastable to [b, heads, s, t]; by default plain causal. Rows padded on
        the right need no mask, since no real position sees what comes after it; packed rows take `PackedDocuments`,
        whose positions are then used by default.
        `cache`: keys and values are appended to it and its rows' earlier positions are seen; then `mask` must stay
        None. A `CacheGroup` takes one row, [1, s, h], of the new positions of all its caches, and no `counts`.
        `counts`: with a cache, how many of the s positions of each row are real (right padding behind them is not
        kept).

        Raises ConfigError where the sequence would be longer than `max_positions`.
        """
        s = embeddings.shape[1]
        device = embeddings.device
        causal = mask is None
        if cache is not None and mask is not None:
            raise ConfigError("decoder: a mask can't be given together with a cache, which makes its own.")
        start = [0] if cache is None else cache.lengths
        longest = max(start) + (0 if isinstance(cache, CacheGroup) else s)
        if longest > self.config.max_positions:
            raise ConfigError(
                f"decoder: the sequence would be {longest} positions long, this model takes at most "
                f"{self.config.max_positions}; drop earlier turns or shorten the input."
            )
        if isinstance(cache, CacheGroup):
            cache.begin(device)
            positions = torch.tensor(cache.positions, device=device)
        elif cache is not None:
            mask, causal = cache.begin(s, counts, device)
        if positions is None and isinstance(mask, PackedDocuments):
            positions = mask.positions
        if positions is None:
            positions = torch.arange(s, device=device) + torch.tensor(start, device=device).unsqueeze(1)
        cosines, sines = rotary_table(positions, self.config.head_dim, self.config.rope_theta)
        # an axis for the heads: [b, 1, s, d], or [1, s, d] where all rows share their positions
        rotary = (cosines.unsqueeze(-3), sines.unsqueeze(-3))
        x = embeddings
        for index, block in enumerate(self.model.layers):
            if self.recompute and torch.is_grad_enabled():
                x = cast(Tensor, checkpoint(block, x, rotary, mask, causal, cache, index, use_reentrant=False))
            else:
                x = block(x, rotary, mask, causal, cache, index)
        if cache is not None:
            cache.commit()
        result: Tensor = self.model.norm(x)
        return result

    def head(self, hidden: Tensor, rows: slice | None = None) -> Tensor:
        """Hidden states [..., h] -> logits [..., vocab], or only for the vocabulary `rows`, which costs that much less.

        In training pick the labelled positions first (`hidden[labels != -100]`): over 49,152 rows the head is a third
        of a step.
        """
        return project(self.head_layer, hidden, rows)


def project(layer: nn.Module, hidden: Tensor, rows: slice | None) -> Tensor:
    """Scores of `hidden` [..., h] against an output head or a tied embedding, float or 8-bit, over all or some rows."""
    if isinstance(layer, QuantisedWeight):
        return layer.scores(hidden, rows)
    weight = cast(nn.Linear | nn.Embedding, layer).weight
    return F.linear(hidden, weight if rows is None else weight[rows])
