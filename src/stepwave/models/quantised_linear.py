"""Weights stored as 8-bit integers with one scale per output row: half of bf16's memory, and of the time to read it.

Symmetric, weights only: activations are never rounded to integers. (Rounding them too would be quicker still on CPUs
with integer dot products, but on SmolLM2-135M it costs five times the divergence from the float model: 0.014 nats
against 0.003.)

On a CPU a few positions at a time go through a compiled loop that reads the integers (`compiled_blocks.product`);
many positions, and other devices, multiply by the integers converted on the spot: to float32 on CPUs that only emulate
bf16. All apply the scale afterwards, so they agree up to the rounding of the activations' dtype.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.layers.arithmetic import emulates_bfloat16
from stepwave.models.compiled_blocks import product

FEW_POSITIONS = 8
"""Up to here reading the integers is quicker than converting them all and using the matrix units."""


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Float weights [out, in] -> integers -127..127 [out, in] and bf16 scales [out], with weight ~ integer * scale.

    A scale is a bf16 number not smaller than max|row| / 127: so the kernel, which takes bf16 scales, loses nothing.
    """
    weight = weight.detach().float()
    exact = weight.abs().amax(dim=1) / 127
    scale = exact.to(torch.bfloat16)
    # a bf16 has 8 significant bits: one more step upwards where rounding went down, so that no integer passes 127
    scale = torch.where(scale.float() < exact, (exact * (1 + 2**-7)).to(torch.bfloat16), scale)
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)
    integers = (weight / scale.float().unsqueeze(1)).round().clamp(-127, 127).to(torch.int8)
    return integers, scale


def quantised_matmul(x: Tensor, weight_int8: Tensor, scale: Tensor) -> Tensor:
    """x [..., in] times stored weights [out, in] -> [..., out] in the dtype of x."""
    if is_few(x) and not x.requires_grad:
        flat = x.reshape(-1, x.shape[-1]).float()
        out = flat.new_empty(flat.shape[0], weight_int8.shape[0])
        product(weight_int8.numpy(), scale.float().numpy(), flat.numpy(), out.numpy())
        return out.view(*x.shape[:-1], -1).to(x.dtype)
    dtype = torch.float32 if emulates_bfloat16(x.device) else x.dtype
    return (F.linear(x.to(dtype), weight_int8.to(dtype)) * scale.to(dtype)).to(x.dtype)


def is_few(x: Tensor) -> bool:
    """Whether x [..., in] is on a CPU and has so few positions that they go through compiled loops."""
    return x.device.type == "cpu" and x.numel() <= FEW_POSITIONS * x.shape[-1]


class QuantisedWeight(nn.Module):
    """Storage shared by layers with 8-bit weights: buffers `weight_int8` [out, in] and `scale` [out] (bf16)."""

    weight_int8: Tensor
    scale: Tensor

    def __init__(self, out_features: int, in_features: int) -> None:
        super().__init__()
        self.out_features, self.in_features = out_features, in_features
        self.register_buffer("weight_int8", torch.zeros(out_features, in_features, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(out_features, dtype=torch.bfloat16))

    def dequantise(self) -> Tensor:
        """The weights as float32 [out, in], exactly what the layer multiplies by."""
        return self.weight_int8.float() * self.scale.float().unsqueeze(1)

    def scores(self, x: Tensor, rows: slice | None = None) -> Tensor:
        """x [..., in] -> [..., out], or only the output `rows`."""
        if rows is None:
            return quantised_matmul(x, self.weight_int8, self.scale)
        return quantised_matmul(x, self.weight_int8[rows], self.scale[rows])

    def _fill(self, weight: Tensor) -> None:
        if not weight.is_meta:  # an empty shape has nothing to round
            self.weight_int8, self.scale = quantise(weight)


class QuantisedLinear(QuantisedWeight):
    """`nn.Linear` with 8-bit weights; a bias stays a float parameter."""

    def __init__(self, in_features: int, out_features: int, bias: bool = False) -> None:
        super().__init__(out_features, in_features)
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None

    @classmethod
    def from_float(cls, linear: nn.Linear) -> QuantisedLinear:
        """Quantise a linear layer."""
        layer = cls(linear.in_features, linear.out_features, bias=linear.bias is not None)
        layer._fill(linear.weight)
        if linear.bias is not None:
            layer.bias = nn.Parameter(linear.bias.detach().clone())
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        out = self.scores(x)
        return out if self.bias is None else out + self.bias.to(out.dtype)


class QuantisedEmbedding(QuantisedWeight):
    """`nn.Embedding` with 8-bit rows; `scores` is the tied output head. Rows come out in `dtype`."""

    def __init__(self, rows: int, width: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(rows, width)
        self.dtype = dtype

    @classmethod
    def from_float(cls, embedding: nn.Embedding) -> QuantisedEmbedding:
        """Quantise an embedding table; rows come out in its dtype."""
        layer = cls(embedding.num_embeddings, embedding.embedding_dim, embedding.weight.dtype)
        layer._fill(embedding.weight)
        return layer

    def forward(self, ids: Tensor) -> Tensor:
        """Ids [...] -> rows [..., width]."""
        integers, scale = F.embedding(ids, self.weight_int8), self.scale[ids]
        return (integers.float() * scale.float().unsqueeze(-1)).to(self.dtype)


def quantise_module(module: nn.Module) -> None:
    """Replace every `nn.Linear` and `nn.Embedding` inside `module` by its 8-bit form, in place.

    Also works on the meta device, to build the empty shape that a quantised checkpoint is read into.
    """
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Linear):
            setattr(module, name, QuantisedLinear.from_float(child))
        elif isinstance(child, nn.Embedding):
            setattr(module, name, QuantisedEmbedding.from_float(child))
        else:
            quantise_module(child)
