"""The vocoder's excitation: partials of f0 and noise, mixed to one signal at the sample rate.

Neural source filter as in Wang et al. 2019 (arXiv:1904.12088, section II-B), with the released model's details
(reference facts 6.5, points 1-2). Two forms of the same formula:

* `forward`: phases are carried in float64 with whole cycles dropped, and start again at every voiced stretch. The
  result does not depend on how the frames are cut into pieces and does not lose precision with length. Where a voiced
  stretch starts the released phase is as arbitrary as this one, so nothing audible differs.
* `released`: the released order of float32 operations, for comparing numbers and for the released streaming.

Noise by absolute position (`positioned_noise`) is here too. Not here: f0 itself.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stepwave.models.vocoder_layers import StreamState

NOISE_BLOCK = 4800
"""Samples of noise drawn from one seed: a stream finds its noise again wherever its pieces are cut."""


def positioned_noise(seed: int, start: int, samples: int) -> Tensor:
    """Standard normal noise `[samples]` (float32, CPU) of the stream `seed` from absolute sample `start` on.

    Any two calls agree wherever they overlap.
    """
    first, last = start // NOISE_BLOCK, (start + samples + NOISE_BLOCK - 1) // NOISE_BLOCK
    blocks = [
        torch.randn(NOISE_BLOCK, generator=torch.Generator().manual_seed((seed * 1_000_003 + block) % 2**63))
        for block in range(first, last)
    ]
    noise = torch.cat(blocks) if blocks else torch.zeros(0)
    return noise[start - first * NOISE_BLOCK :][:samples]


class HarmonicSource(nn.Module):
    """f0 per mel frame to an excitation signal; the only weights are those of the mix (`l_linear`).

    Args:
        partials: multiples of f0, the fundamental included.
        samples_per_frame: samples that one mel frame stands for (even).
        sample_rate: samples per second.
        amplitude: of each partial before the mix.
        voiced_noise: standard deviation of the noise added where there is a voice; elsewhere it is amplitude / 3.
        voiced_above: f0 in Hz above which a frame counts as voiced.
    """

    def __init__(
        self,
        partials: int,
        samples_per_frame: int,
        sample_rate: int,
        *,
        amplitude: float,
        voiced_noise: float,
        voiced_above: float,
    ) -> None:
        super().__init__()
        self.partials = partials
        self.samples_per_frame = samples_per_frame
        self.sample_rate = sample_rate
        self.amplitude = amplitude
        self.voiced_noise = voiced_noise
        self.voiced_above = voiced_above
        self.l_linear = nn.Linear(partials, 1)

    def forward(self, f0: Tensor, noise: Tensor, state: StreamState | None = None) -> Tensor:
        """Excitation of f0 `[b, t]` in Hz (any float type), float32.

        Args:
            f0: hertz per mel frame.
            noise: standard normal, `[b or 1, samples, partials or 1]` for the samples that this call returns. One draw
                per sample stands for the weighted sum of one draw per partial, which has the same distribution.
            state: of the stream. A frame's second half needs the next frame's f0, so the last one waits.

        Returns:
            `[b, 1, samples]`, samples = samples_per_frame * t over all pieces. `ready_samples` counts this call's.
        """
        f0 = f0.double()
        cycles: Tensor | None = None  # at the centre of the frame before, [b, partials, 1]
        if state is not None:
            cycles = state.take(self, "cycles")
            f0 = state.append(self, "f0", f0)
        started = cycles is not None
        frames = f0.shape[1] - (0 if state is None or state.final else 1)
        if frames <= 0:
            if state is not None:
                state.keep(self, "f0", f0)
            return f0.new_zeros(f0.shape[0], 1, 0, dtype=torch.float32)

        multiples = torch.arange(1, self.partials + 1, device=f0.device, dtype=f0.dtype)[:, None]
        steps = torch.remainder(f0[:, None] * multiples / self.sample_rate, 1.0) * self.samples_per_frame
        voiced = f0 > self.voiced_above
        before, here = self._cycles(steps, voiced, cycles)
        if state is not None:
            state.keep(self, "f0", f0[:, frames:])
            # What is kept is where the next piece's first frame starts from, which is where `before` would be.
            state.keep(self, "cycles", self._restart(here[..., frames - 1 : frames], voiced[:, frames - 1 : frames]))

        # Phase runs linearly from one frame's centre to the next, and stands still before the first and after the last.
        arriving = steps[..., :frames].clone()
        if not started:
            before, arriving[..., 0] = before.clone(), 0.0
            before[..., 0] = here[..., 0]
        leaving = F.pad(steps, (0, 1))[..., 1 : frames + 1]
        half = self.samples_per_frame // 2
        ramp = (torch.arange(half, device=f0.device) + 0.5) / self.samples_per_frame
        rising = _fraction(before[..., :frames]) + _narrow(arriving) * (ramp + 0.5)
        falling = _fraction(here[..., :frames]) + _narrow(leaving) * ramp
        sines = torch.sin(2 * math.pi * torch.cat([rising, falling], dim=-1))
        sines = sines * (self.amplitude * voiced[:, None, :frames, None])
        return self._mix(sines.flatten(2).transpose(1, 2), self._per_sample(voiced[:, :frames]), noise)

    def ready_samples(self, frames: int, state: StreamState | None = None) -> int:
        """Samples that `forward` will return when it is given `frames` more mel frames."""
        if state is not None:
            frames += state.length(self, "f0") - (0 if state.final else 1)
        return max(0, frames) * self.samples_per_frame

    def released(self, f0: Tensor, noise: Tensor) -> Tensor:
        """The released formula on f0 `[b, t]` and noise `[b, samples, partials]`: `[b, 1, samples]`, float32.

        Phases start from zero and are accumulated in float32, so precision falls with length.
        """
        per_frame = float(self.samples_per_frame)
        f0 = f0.float().repeat_interleave(self.samples_per_frame, dim=1)[:, None]
        multiples = torch.arange(1, self.partials + 1, device=f0.device, dtype=f0.dtype)[:, None]
        cycles = torch.remainder(f0 * multiples / self.sample_rate, 1.0)
        cycles = F.interpolate(cycles, scale_factor=1 / per_frame, mode="linear")
        phase = torch.cumsum(cycles, dim=-1) * 2 * math.pi
        phase = F.interpolate(phase * per_frame, scale_factor=per_frame, mode="linear")
        voiced = (f0 > self.voiced_above).float()
        return self._mix((torch.sin(phase) * self.amplitude * voiced).transpose(1, 2), voiced.transpose(1, 2), noise)

    def _cycles(self, steps: Tensor, voiced: Tensor, carried: Tensor | None) -> tuple[Tensor, Tensor]:
        """Cycles `[b, partials, t]` at the centre of the frame before each frame, and of the frame itself."""
        start = steps.new_zeros(*steps.shape[:-1], 1) if carried is None else carried
        total = start + torch.cumsum(steps, dim=-1)
        # After an unvoiced frame the count starts again from 0: subtract what had been reached there.
        index = torch.arange(1, voiced.shape[1] + 1, device=voiced.device)
        last_unvoiced = torch.cummax(torch.where(voiced, 0, index), dim=-1).values
        reached = F.pad(total, (1, 0)).gather(-1, last_unvoiced[:, None].expand_as(total))
        here = total - reached
        before = torch.cat([start, self._restart(here, voiced)[..., :-1]], dim=-1)
        return before, before + steps

    @staticmethod
    def _restart(cycles: Tensor, voiced: Tensor) -> Tensor:
        return torch.where(voiced[:, None], torch.remainder(cycles, 1.0), 0.0)

    def _per_sample(self, voiced: Tensor) -> Tensor:
        return voiced.float().repeat_interleave(self.samples_per_frame, dim=1)[..., None]

    def _mix(self, sines: Tensor, voiced: Tensor, noise: Tensor) -> Tensor:
        """Sines `[b, n, partials]`, flags `[b, n, 1]` and noise to the excitation `[b, 1, n]`."""
        spread = voiced * self.voiced_noise + (1 - voiced) * (self.amplitude / 3)
        if noise.shape[-1] == self.partials:
            return torch.tanh(self.l_linear(sines + spread * noise)).transpose(1, 2)
        return torch.tanh(self.l_linear(sines) + spread * noise * self.l_linear.weight.norm()).transpose(1, 2)


def _narrow(cycles: Tensor) -> Tensor:
    return cycles.float()[..., None]


def _fraction(cycles: Tensor) -> Tensor:
    """The part of the cycles below 1, narrowed to float32 only then, `[..., 1]`."""
    return _narrow(torch.remainder(cycles, 1.0))
