"""A decoder's weights arranged for generation: the same numbers as `Decoder`, with less work around each token.

At one token a step on a CPU a small model spends as much time between the matrix products as in them. So here q, k and
v are one matrix, gate and up are another, the rotary table is made once, and a block is one function without modules in
it. Weights may be float or 8-bit (`quantised_linear`); gradients, packing and custom masks are left to `Decoder`.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.facts.errors import ConfigError
from stepwave.layers.arithmetic import emulates_bfloat16
from stepwave.layers.cache import KVCache
from stepwave.layers.rotary import rotary_table
from stepwave.models.decoder import Decoder, DecoderBlock, project
from stepwave.models.quantised_linear import QuantisedLinear, QuantisedWeight, for_kernel, quantised_matmul


class Matrix(NamedTuple):
    """One weight matrix [out, in]; `scale` [out] is given where the weights are 8-bit integers."""

    weight: Tensor
    scale: Tensor | None
    bias: Tensor | None

    def times(self, x: Tensor, rounded: bool) -> Tensor:
        """[..., in] -> [..., out]; with `rounded` few positions are brought to bf16, which the integer kernel takes."""
        if self.scale is None:
            return F.linear(x, self.weight, self.bias)
        out = quantised_matmul(for_kernel(x) if rounded else x, self.weight, self.scale).to(x.dtype)
        return out if self.bias is None else out + self.bias


class Block(NamedTuple):
    """The weights of one block."""

    attention_norm: Tensor
    qkv: Matrix
    o: Matrix
    mlp_norm: Tensor
    gate_up: Matrix
    down: Matrix


class FastDecoder:
    """Inference with the weights of `decoder`, whose `embed`, `forward`, `head` and `new_cache` it mirrors.

    `dtype` is that of the activations and of the cache; by default bf16, the dtype that the integer kernel takes, but
    float32 on a CPU that only emulates bf16, where attention would take several times as long; what the kernel reads is
    bf16 there too.
    The blocks' weights are copied (fused, float ones converted), so `decoder` may be dropped; embedding and head stay
    shared.
    """

    def __init__(self, decoder: Decoder, dtype: torch.dtype | None = None) -> None:
        self.config = decoder.config
        self._rounded = dtype is None and emulates_bfloat16(decoder.model.norm.weight.device)
        self.dtype = dtype or (torch.float32 if self._rounded else torch.bfloat16)
        self._head = decoder.head_layer
        self._embedding = decoder.model.embed_tokens
        self._norm = _copy(decoder.model.norm.weight, self.dtype)
        self._blocks = [_fuse(cast(DecoderBlock, block), self.dtype) for block in decoder.model.layers]
        self._cosines, self._sines = self._table(decoder.model.norm.weight.device)

    def _table(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosines and sines [max_positions, 2, d / 2]; the sign of half rotation is already in the sines."""
        config = self.config
        positions = torch.arange(config.max_positions, device=device)
        cosines, sines = rotary_table(positions, config.head_dim, config.rope_theta)
        halves = (config.max_positions, 2, config.head_dim // 2)
        sines = sines.view(halves).clone()
        sines[:, 0].neg_()
        return cosines.view(halves).to(self.dtype), sines.to(self.dtype)

    def embed(self, ids: Tensor) -> Tensor:
        """Ids [b, s] -> embeddings [b, s, h]."""
        rows: Tensor = self._embedding(ids)
        return rows.to(self.dtype)

    def head(self, hidden: Tensor, rows: slice | None = None) -> Tensor:
        """Hidden states [..., h] -> logits [..., vocab], or only for the vocabulary `rows`."""
        rounded = self._rounded and isinstance(self._head, QuantisedWeight)
        return project(self._head, for_kernel(hidden) if rounded else hidden, rows)

    def new_cache(self, rows: int = 1, capacity: int = 256) -> KVCache:
        """An empty cache for this decoder."""
        config = self.config
        return KVCache(
            config.layers, config.kv_heads, config.head_dim,
            rows=rows, capacity=capacity, dtype=self.dtype, device=self._norm.device,
        )  # fmt: skip

    def __call__(self, embeddings: Tensor, *, cache: KVCache, counts: list[int] | None = None) -> Tensor:
        """Embeddings [b, s, h] -> hidden states after the final norm [b, s, h]; see `Decoder.forward`.

        Raises ConfigError where the sequence would be longer than `max_positions`.
        """
        config = self.config
        b, s, h = embeddings.shape
        lengths = cache.lengths
        if max(lengths) + s > config.max_positions:
            raise ConfigError(
                f"decoder: the sequence would be {max(lengths) + s} positions long, this model takes at most "
                f"{config.max_positions}; drop earlier turns or shorten the input."
            )
        mask, causal = cache.begin(s, counts, embeddings.device)
        if min(lengths) == max(lengths):
            at: Tensor | slice = slice(lengths[0], lengths[0] + s)
            cosines, sines = self._cosines[at].unsqueeze(1), self._sines[at].unsqueeze(1)
        else:
            at = torch.arange(s, device=embeddings.device) + torch.tensor(lengths, device=embeddings.device).unsqueeze(
                1
            )
            cosines, sines = self._cosines[at].unsqueeze(2), self._sines[at].unsqueeze(2)
        turned = config.heads + config.kv_heads
        shape = (b, s, turned + config.kv_heads, config.head_dim)
        grouped = config.heads != config.kv_heads
        width, eps, rounded = (h,), config.norm_eps, self._rounded
        x = embeddings.to(self.dtype)
        for index, block in enumerate(self._blocks):
            qkv = block.qkv.times(F.rms_norm(x, width, block.attention_norm, eps), rounded).view(shape)
            halves = qkv[:, :, :turned].view(b, s, turned, 2, -1)
            qk = torch.addcmul(halves * cosines, halves.flip(-2), sines).flatten(-2).transpose(1, 2)
            k, v = cache.write(index, qk[:, config.heads :], qkv[:, :, turned:].transpose(1, 2))
            seen = F.scaled_dot_product_attention(
                qk[:, : config.heads], k, v, attn_mask=mask, is_causal=causal, enable_gqa=grouped
            )
            x = x + block.o.times(seen.transpose(1, 2).reshape(b, s, -1), rounded)
            gate, up = block.gate_up.times(F.rms_norm(x, width, block.mlp_norm, eps), rounded).chunk(2, dim=-1)
            x = x + block.down.times(F.silu(gate).mul_(up), rounded)
        cache.commit()
        return F.rms_norm(x, width, self._norm, eps)


def _fuse(block: DecoderBlock, dtype: torch.dtype) -> Block:
    attention, mlp = block.self_attn, block.mlp
    return Block(
        _copy(block.input_layernorm.weight, dtype),
        _matrix([attention.q_proj, attention.k_proj, attention.v_proj], dtype),
        _matrix([attention.o_proj], dtype),
        _copy(block.post_attention_layernorm.weight, dtype),
        _matrix([mlp.gate_proj, mlp.up_proj], dtype),
        _matrix([mlp.down_proj], dtype),
    )


def _matrix(layers: list[nn.Module], dtype: torch.dtype) -> Matrix:
    """Layers that read the same input, stacked into one."""
    quantised = [layer for layer in layers if isinstance(layer, QuantisedLinear)]
    plain = [layer for layer in layers if isinstance(layer, nn.Linear)]
    known: list[QuantisedLinear | nn.Linear] = [*quantised, *plain]
    biases: list[Tensor] = [layer.bias for layer in known if layer.bias is not None]
    bias = _copy(torch.cat(biases), dtype) if biases else None
    if len(quantised) == len(layers):
        return Matrix(
            torch.cat([layer.weight_int8 for layer in quantised]), torch.cat([layer.scale for layer in quantised]), bias
        )
    if len(plain) == len(layers):
        return Matrix(_copy(torch.cat([layer.weight for layer in plain]), dtype), None, bias)
    raise ConfigError("fast decoder: q, k, v (or gate and up) must all be 8-bit or all be float.")


def _copy(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.detach().to(dtype, copy=True)
