"""How many FLOPs a second a device's matrix units can do at most, against which training is measured.

For GPUs whose data sheet tells it, the dense bfloat16 peak is that of the sheet, which no real work reaches. Everything
else (CPUs, float32, GPUs not listed) is measured by a large matrix product, and shares of it come out higher.
"""

import time
from dataclasses import dataclass
from typing import Final

import torch

PEAKS: Final[tuple[tuple[str, float], ...]] = (
    ("B200", 2_250e12),
    ("H100 PCIe", 756e12),
    ("H100 NVL", 835e12),
    ("H100", 989e12),
    ("H200 NVL", 835e12),
    ("H200", 989e12),
    ("H800", 989e12),
    ("GH200", 989e12),
    ("A100", 312e12),
    ("A800", 312e12),
    ("L40S", 362e12),
    ("L4", 121e12),
    ("A10", 125e12),
    ("MI300X", 1_307e12),
)
"""Words in a GPU's name, and its dense bfloat16 FLOPs a second by its vendor's data sheet. The first match counts."""
SIDE: Final = {"cpu": 1_024, "cuda": 8_192}
"""Rows and columns of the matrices that are multiplied; large enough for the units to be busy."""


@dataclass(frozen=True)
class Peak:
    """The most that a device can do."""

    flops: float
    """FLOPs a second."""
    measured: bool
    """By a matrix product in this run, not from a data sheet."""

    @property
    def origin(self) -> str:
        """Where the number comes from, in words."""
        return "measured here by a large matrix product" if self.measured else "data sheet, dense bfloat16"


def find_peak(device: torch.device, dtype: torch.dtype) -> Peak:
    """The peak of a device where products are of type `dtype`."""
    if device.type == "cuda" and dtype is torch.bfloat16:
        listed = listed_peak(torch.cuda.get_device_name(device))
        if listed is not None:
            return Peak(listed, measured=False)
    return Peak(measured_peak(device, dtype), measured=True)


def listed_peak(name: str) -> float | None:
    """Dense bfloat16 FLOPs a second of a GPU by its name, as far as they are known."""
    words = name.replace("-", " ").split()
    if "MIG" in words:
        # A part of a GPU, whose share of the units its name does not tell.
        return None
    for wanted, flops in PEAKS:
        if all(word in words for word in wanted.split()):
            return flops
    return None


def measured_peak(device: torch.device, dtype: torch.dtype, seconds: float = 0.5, side: int | None = None) -> float:
    """FLOPs a second of the fastest of many products of square matrices, tried for `seconds`."""
    n = side or SIDE.get(device.type, SIDE["cpu"])
    a, b = (torch.randn(n, n, device=device).to(dtype) for _ in range(2))
    out = a @ b
    fastest = float("inf")
    started = time.perf_counter()
    while time.perf_counter() - started < seconds or fastest == float("inf"):
        begun = time.perf_counter()
        torch.mm(a, b, out=out)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        fastest = min(fastest, time.perf_counter() - begun)
    return 2 * n**3 / fastest
