"""A causal convolution over frames that can go on where the last call stopped. Strides and dilation are not here."""

import torch
from torch import Tensor, nn


class CausalConv(nn.Conv1d):
    """Convolution over `[b, frames, channels]` that reads `kernel - 1` earlier frames (zeros at the start)."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int) -> None:
        super().__init__(channels_in, channels_out, kernel)

    def extend(self, x: Tensor, past: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`x` `[b, n, channels_in]` -> `[b, n, channels_out]`, and the last `kernel - 1` inputs for the next call.

        `past` is what the previous call gave; None at the start.
        """
        reach = self.kernel_size[0] - 1
        if past is None:
            past = x.new_zeros(x.shape[0], reach, x.shape[2])
        x = torch.cat([past, x], dim=1)
        # a copy, so that a stream does not hold on to the whole chunk
        return super().forward(x.transpose(1, 2)).transpose(1, 2), x[:, x.shape[1] - reach :].clone()

    def forward(self, x: Tensor) -> Tensor:
        """`x` `[b, frames, channels_in]` -> `[b, frames, channels_out]`."""
        return self.extend(x)[0]
