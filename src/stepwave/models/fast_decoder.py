"""A decoder's weights arranged for generation: the same numbers as `Decoder`, with less work around each token.

At one token a step on a CPU a small model spends as much time between the matrix products as in them. So here q, k and
v are one matrix, gate and up are another, the rotary table is made once, and a block is one function without modules in
it. Weights may be float or 8-bit (`quantised_linear`); where they are 8-bit and on a CPU, few positions go through
`compiled_blocks`, all blocks at once. Gradients, packing and custom masks are left to `Decoder`.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.facts.errors import ConfigError
from stepwave.layers.arithmetic import emulates_bfloat16
from stepwave.layers.cache import KVCache
from stepwave.layers.cache_group import CacheGroup
from stepwave.layers.rotary import rotary_table
from stepwave.models.compiled_blocks import STORES, BlockWeights, Integers, run_blocks
from stepwave.models.decoder import MOST_TOGETHER, Decoder, DecoderBlock, project
from stepwave.models.quantised_linear import FEW_POSITIONS, QuantisedLinear, is_few, quantised_matmul


class Matrix(NamedTuple):
    """One weight matrix [out, in], or that of every block [layers, out, in]; `scale` [.., out] is given where the
    weights are 8-bit integers."""

    weight: Tensor
    scale: Tensor | None
    bias: Tensor | None

    def of_layer(self, layer: int) -> Matrix:
        """The matrix of one block (views)."""
        scale, bias = self.scale, self.bias
        return Matrix(
            self.weight[layer], None if scale is None else scale[layer], None if bias is None else bias[layer]
        )

    def as_integers(self) -> Integers:
        """8-bit weights as arrays that share their memory."""
        assert self.scale is not None
        return Integers(self.weight.numpy(), self.scale.float().numpy())

    def times(self, x: Tensor, rounded: bool) -> Tensor:
        """[..., in] -> [..., out] in the dtype of x; `rounded` multiplies 8-bit weights by x in bf16."""
        if self.scale is None:
            return F.linear(x, self.weight, self.bias)
        out = quantised_matmul(x.bfloat16() if rounded else x, self.weight, self.scale).to(x.dtype)
        return out if self.bias is None else out + self.bias


class Weights(NamedTuple):
    """The weights of one block, or of all of them."""

    attention_norm: Tensor
    qkv: Matrix
    o: Matrix
    mlp_norm: Tensor
    gate_up: Matrix
    down: Matrix

    def of_layer(self, layer: int) -> Weights:
        """Those of one block (views)."""
        return Weights(
            self.attention_norm[layer], self.qkv.of_layer(layer), self.o.of_layer(layer), self.mlp_norm[layer],
            self.gate_up.of_layer(layer), self.down.of_layer(layer),
        )  # fmt: skip


class FastDecoder:
    """Inference with the weights of `decoder`, whose `embed`, `forward`, `head` and `new_cache` it mirrors.

    `dtype` is that of the activations and of the cache. By default it is float32 for 8-bit weights on a CPU, where few
    positions are computed in float32 anyway (many are multiplied in bf16 there if the CPU has it), and for any weights
    on a CPU that only emulates bf16; else bf16.
    The blocks' weights are copied (fused, float ones converted), so `decoder` may be dropped; embedding and head stay
    shared.
    """

    def __init__(self, decoder: Decoder, dtype: torch.dtype | None = None) -> None:
        self.config = decoder.config
        device = decoder.model.norm.weight.device
        quantised = any(isinstance(module, QuantisedLinear) for module in decoder.model.layers.modules())
        compiled = quantised and device.type == "cpu"
        usual = torch.float32 if compiled or emulates_bfloat16(device) else torch.bfloat16
        self.dtype = dtype or usual
        self._rounded = compiled and dtype is None and not emulates_bfloat16(device)
        self._head = decoder.head_layer
        self._embedding = decoder.model.embed_tokens
        self._norm = decoder.model.norm.weight.detach().to(self.dtype)
        stacked = _fuse([cast(DecoderBlock, block) for block in decoder.model.layers], self.dtype)
        self._blocks = [stacked.of_layer(layer) for layer in range(self.config.layers)]
        self._cosines, self._sines = self._table(device)
        self._arrays = self._as_arrays(stacked) if compiled and self.dtype == torch.float32 else None

    def _as_arrays(self, stacked: Weights) -> BlockWeights:
        qkv = stacked.qkv
        bias = torch.zeros(qkv.weight.shape[:2]) if qkv.bias is None else qkv.bias
        return BlockWeights(
            stacked.attention_norm.numpy(), qkv.as_integers(), bias.numpy(), stacked.o.as_integers(),
            stacked.mlp_norm.numpy(), stacked.gate_up.as_integers(), stacked.down.as_integers(), self._norm.numpy(),
            self._cosines[:, 0].contiguous().numpy(), self._sines[:, 1].contiguous().numpy(),
        )  # fmt: skip

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
        return project(self._head, hidden, rows)

    def new_cache(self, rows: int = 1, capacity: int = 256) -> KVCache:
        """An empty cache for this decoder."""
        config = self.config
        return KVCache(
            config.layers, config.kv_heads, config.head_dim,
            rows=rows, capacity=capacity, dtype=self.dtype, device=self._norm.device,
        )  # fmt: skip

    @property
    def most_together(self) -> int:
        """As `Decoder.most_together`."""
        return MOST_TOGETHER if self._arrays is None else min(FEW_POSITIONS, STORES)

    def __call__(self, embeddings: Tensor, *, cache: KVCache | CacheGroup, counts: list[int] | None = None) -> Tensor:
        """Embeddings [b, s, h] -> hidden states after the final norm [b, s, h]; see `Decoder.forward`.

        Raises ConfigError where the sequence would be longer than `max_positions`.
        """
        config = self.config
        b, s, h = embeddings.shape
        lengths = cache.lengths
        longest = max(lengths) + (0 if isinstance(cache, CacheGroup) else s)
        if longest > config.max_positions:
            raise ConfigError(
                f"decoder: the sequence would be {longest} positions long, this model takes at most "
                f"{config.max_positions}; drop earlier turns or shorten the input."
            )
        mask: Tensor | None = None
        causal = False
        if isinstance(cache, CacheGroup):
            cache.begin(embeddings.device)
        else:
            mask, causal = cache.begin(s, counts, embeddings.device)
        if self._arrays is not None and is_few(embeddings):
            return self._in_loops(embeddings, cache, self._arrays)
        if isinstance(cache, CacheGroup):
            at: Tensor | slice = torch.tensor(cache.positions, device=embeddings.device)
            cosines, sines = self._cosines[at].unsqueeze(1), self._sines[at].unsqueeze(1)
        elif min(lengths) == max(lengths):
            at = slice(lengths[0], lengths[0] + s)
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
            q, k, v = qk[:, : config.heads], qk[:, config.heads :], qkv[:, :, turned:].transpose(1, 2)
            if isinstance(cache, CacheGroup):
                seen = cache.attend(index, q, k, v)
            else:
                k, v = cache.write(index, k, v)
                seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=grouped)
            x = x + block.o.times(seen.transpose(1, 2).reshape(b, s, -1), rounded)
            gate, up = block.gate_up.times(F.rms_norm(x, width, block.mlp_norm, eps), rounded).chunk(2, dim=-1)
            x = x + block.down.times(F.silu(gate).mul_(up), rounded)
        cache.commit()
        return F.rms_norm(x, width, self._norm, eps)

    def _in_loops(self, embeddings: Tensor, cache: KVCache | CacheGroup, arrays: BlockWeights) -> Tensor:
        """Few positions, through compiled loops."""
        b, s, h = embeddings.shape
        if isinstance(cache, CacheGroup):
            caches = cache.caches
            owners, rows = np.repeat(np.arange(len(caches)), cache.counts), np.zeros(s, np.int64)
            places = np.array(cache.positions)
        else:
            caches = [cache]
            owners, rows = np.zeros(b * s, np.int64), np.repeat(np.arange(b), s)
            places = np.repeat(cache.lengths, s) + np.tile(np.arange(s), b)
        stores = [*caches, *caches[:1] * (STORES - len(caches))]
        x = embeddings.reshape(b * s, h).to(torch.float32, copy=True).numpy()
        config = self.config
        hidden = run_blocks(
            x, owners, rows, places, tuple(one.keys.numpy() for one in stores),
            tuple(one.values.numpy() for one in stores), arrays, config.heads, config.norm_eps,
        )  # fmt: skip
        cache.commit()
        return torch.from_numpy(hidden).view(b, s, h)


def _fuse(blocks: list[DecoderBlock], dtype: torch.dtype) -> Weights:
    attentions, mlps = [block.self_attn for block in blocks], [block.mlp for block in blocks]
    return Weights(
        torch.stack([block.input_layernorm.weight.detach().to(dtype) for block in blocks]),
        _matrix([[one.q_proj, one.k_proj, one.v_proj] for one in attentions], dtype),
        _matrix([[one.o_proj] for one in attentions], dtype),
        torch.stack([block.post_attention_layernorm.weight.detach().to(dtype) for block in blocks]),
        _matrix([[one.gate_proj, one.up_proj] for one in mlps], dtype),
        _matrix([[one.down_proj] for one in mlps], dtype),
    )


def _matrix(blocks: list[list[nn.Module]], dtype: torch.dtype) -> Matrix:
    """Of every block the layers that read the same input, put together as one; then those of all blocks."""
    layers = [layer for block in blocks for layer in block]
    quantised = [layer for layer in layers if isinstance(layer, QuantisedLinear)]
    plain = [layer for layer in layers if isinstance(layer, nn.Linear)]
    known: list[QuantisedLinear | nn.Linear] = [*quantised, *plain]
    biases: list[Tensor] = [layer.bias for layer in known if layer.bias is not None]
    count = len(blocks)
    bias = _together(biases, count).to(dtype) if biases else None
    if len(quantised) == len(layers):
        weight = _together([layer.weight_int8 for layer in quantised], count)
        return Matrix(weight, _together([layer.scale for layer in quantised], count), bias)
    if len(plain) == len(layers):
        return Matrix(_together([layer.weight for layer in plain], count).to(dtype), None, bias)
    raise ConfigError("fast decoder: a decoder's blocks must all be 8-bit or all be float.")


def _together(tensors: list[Tensor], blocks: int) -> Tensor:
    """Tensors of all blocks in order, their first dimensions joined within a block -> [blocks, ...]."""
    joined = torch.cat([tensor.detach() for tensor in tensors])
    return joined.view(blocks, -1, *joined.shape[1:])
