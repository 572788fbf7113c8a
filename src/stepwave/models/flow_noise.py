"""Noise from which generation starts: a function of the frame's absolute position, so that pieces make the whole."""

import torch
from torch import Tensor

BLOCK = 512


class NoiseTable:
    """Standard normal noise `[bands, frames]` without end, drawn block by block from a seed.

    Any frame can be had at any time and is always the same, whatever was asked before. One block is remembered; the
    object can be shared by streams. The numbers are drawn on the CPU, so they don't depend on the device.
    """

    def __init__(self, bands: int, seed: int) -> None:
        self.bands = bands
        self.seed = seed
        self._last: tuple[int, Tensor] | None = None

    def frames(self, start: int, stop: int) -> Tensor:
        """Noise of the frames `[start, stop)`: `[stop - start, bands]`, float32 on the CPU."""
        parts = []
        for block in range(start // BLOCK, (stop - 1) // BLOCK + 1):
            first = block * BLOCK
            parts.append(self._block(block)[max(start - first, 0) : stop - first])
        return torch.cat(parts) if parts else torch.empty(0, self.bands)

    def _block(self, index: int) -> Tensor:
        last = self._last
        if last is None or last[0] != index:
            # seeds of neighbouring tables must not share blocks, hence the large odd factor
            generator = torch.Generator().manual_seed((self.seed * 1_000_003 + index) % 2**63)
            last = (index, torch.randn(BLOCK, self.bands, generator=generator))
            self._last = last
        return last[1]


class GivenNoise:
    """Noise that the caller brings: `[1, bands, frames]` or `[bands, frames]`; ValueError where it is too short."""

    def __init__(self, table: Tensor) -> None:
        self.table = table.reshape(table.shape[-2:]).transpose(0, 1)

    def frames(self, start: int, stop: int) -> Tensor:
        """Noise of the frames `[start, stop)`: `[stop - start, bands]`."""
        if stop > self.table.shape[0]:
            raise ValueError(
                f"noise for {stop} frames is needed, {self.table.shape[0]} were given; give a longer table."
            )
        return self.table[start:stop]


Noise = NoiseTable | GivenNoise
