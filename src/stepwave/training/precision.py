"""In which type a run computes: bfloat16 only where the processor multiplies it."""

from typing import Literal

import torch

from stepwave.layers.arithmetic import emulates_bfloat16


def computed_in(precision: Literal["float32", "bfloat16"], device: torch.device) -> torch.dtype:
    """The type of matrix products; `bfloat16` becomes float32 on a CPU that would emulate it, which is said.

    Emulated, bfloat16 takes nine times as long as float32 (AVX2 alone, 13 against 115 GFLOP/s on two cores).
    """
    if precision == "float32":
        return torch.float32
    if emulates_bfloat16(device):
        print("this processor has no bfloat16 arithmetic: computing in float32", flush=True)
        return torch.float32
    return torch.bfloat16
