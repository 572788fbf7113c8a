"""Short-time Fourier transform and its inverse as layers without parameters, for whole signals or pieces.

Both follow `torch.stft` and `torch.istft` with `center=True` (reflected edges) and a periodic Hann window, but also
take a `StreamState`: see vocoder_layers for what that means.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stepwave.models.vocoder_layers import StreamState


class Spectrum(nn.Module):
    """Signal to spectrum: frame j is centred on sample j * hop."""

    window: Tensor

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.hop = hop
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, signal: Tensor, state: StreamState | None = None) -> Tensor:
        """`[b, samples]` to `[b, n_fft + 2, samples / hop + 1]`: real parts, then imaginary parts."""
        half = self.n_fft // 2
        if state is None:
            signal = F.pad(signal[:, None], (half, half), mode="reflect")[:, 0]
        else:
            started = state.take(self, "started")
            signal = state.append(self, "signal", signal)
            if started is None:
                if signal.shape[-1] <= half:  # too little to reflect yet
                    state.keep(self, "signal", signal)
                    return signal.new_zeros(signal.shape[0], self.n_fft + 2, 0)
                signal = torch.cat([signal[:, 1 : half + 1].flip(-1), signal], dim=-1)
            state.keep(self, "started", signal.new_ones(1))
            if state.final:
                signal = torch.cat([signal, signal[:, -half - 1 : -1].flip(-1)], dim=-1)
            frames = max(0, (signal.shape[-1] - self.n_fft) // self.hop + 1)
            state.keep(self, "signal", signal[:, frames * self.hop :])
            if not frames:
                return signal.new_zeros(signal.shape[0], self.n_fft + 2, 0)
        spectrum = torch.fft.rfft(signal.unfold(-1, self.n_fft, self.hop) * self.window)
        return torch.cat([spectrum.real, spectrum.imag], dim=-1).transpose(1, 2)


class InverseSpectrum(nn.Module):
    """Spectrum to signal by overlapping and adding, divided by the sum of the squared windows."""

    window: Tensor

    def __init__(self, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.hop = hop
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, real: Tensor, imaginary: Tensor, state: StreamState | None = None) -> Tensor:
        """Two `[b, n_fft / 2 + 1, frames]` to `[b, hop * (frames - 1)]` samples, all pieces together."""
        half, ready = self.n_fft // 2, real.shape[-1] * self.hop
        if ready:
            frames = torch.fft.irfft(torch.complex(real, imaginary).transpose(1, 2), n=self.n_fft) * self.window
        else:
            frames = real.new_zeros(real.shape[0], 0, self.n_fft)
        weights = self.window.square().expand(1, frames.shape[1], -1)
        # One row for the sums of samples (per batch item) and one for the sums of squared windows.
        sums = self._overlap_add(torch.cat([frames, weights], dim=0))
        if state is None:
            sums = sums[:, half : half + ready - self.hop]
        else:
            tail = state.take(self, "overlap")
            if tail is not None:
                sums = sums + F.pad(tail, (0, ready))
            state.keep(self, "overlap", sums[:, ready:])
            sums = state.drop_first(self, half, sums[:, : ready + half - self.hop if state.final else ready])
        return sums[:-1] / sums[-1:]

    def _overlap_add(self, frames: Tensor) -> Tensor:
        """`[rows, frames, n_fft]` to `[rows, hop * frames + n_fft - hop]`, as shifted sums of hop-sized blocks."""
        rows, count, _ = frames.shape
        overlap = self.n_fft // self.hop
        blocks = frames.reshape(rows, count, overlap, self.hop)
        total = blocks.new_zeros(rows, count + overlap - 1, self.hop)
        for shift in range(overlap):
            total = total + F.pad(blocks[:, :, shift], (0, 0, shift, overlap - 1 - shift))
        return total.reshape(rows, -1)
