"""Rotary position embedding with half rotation (Su et al. 2021, in the layout of Qwen2 and Llama; reference facts 3.4).

The first half of a head's dimensions is paired with the second half; interleaved pairs are not offered.
Scaled variants (linear, NTK, YaRN) are not here: neither the released checkpoint nor nano uses one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotary_table(positions: Tensor, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines for integer `positions` [...]: two float32 tensors [..., head_dim].

    Always float32, whatever the model's dtype: at theta 1e6 and position 16,000 a bf16 angle is off by whole turns.
    """
    steps = torch.arange(0, head_dim, 2, dtype=torch.float32, device=positions.device)
    frequencies = theta ** -(steps / head_dim)
    angles = positions.to(torch.float32).unsqueeze(-1) * frequencies
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(states: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn `states` [..., head_dim] by a table that broadcasts against them; the dtype of `states` is kept."""
    first, second = states.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return states * cosines.to(states.dtype) + turned * sines.to(states.dtype)
