"""What a processor computes itself, and what it only emulates."""

from __future__ import annotations

import torch


def emulates_bfloat16(device: torch.device) -> bool:
    """Whether products of bfloat16 matrices are slower there than those of float32: on CPUs without AVX-512.

    Emulated (AVX2, two cores) they ran at 0.2 to 13 GFLOP/s, in float32 at 115.
    """
    return device.type == "cpu" and "AVX512" not in torch.backends.cpu.get_cpu_capability()
