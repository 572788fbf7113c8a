"""Finite scalar quantisation: eight digits of three levels make 6,561 codes (reference facts 7).

Method: Mentzer et al. 2023, "Finite Scalar Quantization: VQ-VAE Made Simple", as the S3 tokenizer v2 uses it. Both
speech tokenizers share this file; what comes before the projection and after the digits is theirs.
Values are called `bounded` before rounding and `quantised` after it: floats -1, 0, 1. A digit is quantised + 1.
"""

import math
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS: Final = 3
DIGITS: Final = 8
CODES: Final = LEVELS**DIGITS
BOUND: Final = 0.9990000128746033
"""Largest magnitude before rounding: float32's nearest to 0.999, as in the released file."""


def quantise(bounded: Tensor) -> Tensor:
    """Round to -1, 0, 1; gradients pass as if nothing had happened (straight-through)."""
    return bounded + (bounded.round() - bounded).detach()


def codes_of(quantised: Tensor) -> Tensor:
    """Quantised values `[..., 8]` -> codes `[...]` (int64): the sum of digit_i * 3^i."""
    digits = quantised.detach().round().long() + 1
    return (digits * _weights(digits.device)).sum(dim=-1)


def quantised_of(codes: Tensor) -> Tensor:
    """Codes `[...]` in 0..6560 -> quantised values `[..., 8]` (float32), the inverse of `codes_of`."""
    digits = codes[..., None] // _weights(codes.device) % LEVELS
    return (digits - 1).float()


def _weights(device: torch.device) -> Tensor:
    return LEVELS ** torch.arange(DIGITS, device=device)


class Quantizer(nn.Module):
    """Projects hidden states onto eight bounded values and rounds them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project_down = nn.Linear(width, DIGITS)

    def bounded(self, hidden: Tensor) -> Tensor:
        """Hidden states `[..., width]` -> values `[..., 8]` within +-0.999, not yet rounded."""
        return torch.tanh(self.project_down(hidden)) * BOUND

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states `[..., width]` -> codes `[...]`."""
        return codes_of(quantise(self.bounded(hidden)))


def digit_entropy(bounded: Tensor, temperature: float = 0.1) -> Tensor:
    """How evenly each digit uses its levels: `[n, 8]` valid positions -> `[8]` in 0..1, differentiable.

    Every value shares itself out over the three levels by a softmax of -distance^2 / temperature; the entropy is that
    of the mean share, divided by log 3. A diversity loss is 1 minus its mean: it pushes against digits that stand
    still, not against positions that are sure of their level.
    """
    levels = torch.arange(LEVELS, device=bounded.device, dtype=bounded.dtype) - 1
    shares = F.softmax(-((bounded[..., None] - levels) ** 2) / temperature, dim=-1)
    mean = shares.flatten(0, -3).mean(dim=0)
    return -(mean * mean.clamp_min(1e-9).log()).sum(dim=-1) / math.log(LEVELS)


@dataclass(frozen=True)
class CodeUsage:
    """How much of the codebook a set of codes uses."""

    used: int
    """Different codes that occur."""
    perplexity: float
    """exp of the codes' entropy: the number of codes that, used evenly, would say as much."""


def code_usage(codes: Tensor) -> CodeUsage:
    """Count codes of any shape (padding removed by the caller); no codes at all give used 0, perplexity 1."""
    counts = torch.bincount(codes.flatten(), minlength=CODES).double()
    shares = counts[counts > 0] / counts.sum()
    return CodeUsage(used=len(shares), perplexity=math.exp(-float((shares * shares.log()).sum())))
