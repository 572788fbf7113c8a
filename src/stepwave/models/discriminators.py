"""Discriminators for the vocoder's adversarial training, on folded waveforms and on spectra.

* Multi-period: HiFi-GAN, Kong et al. 2020 (arXiv:2010.05646, section 2.3).
* Multi-resolution spectra: UnivNet, Jang et al. 2021 (arXiv:2106.07889, section 2.3), on the complex STFT as in
  EnCodec, Defossez et al. 2022 (arXiv:2210.13438, section 3.4).

Departures: widths are a small fraction of the papers', and the spectral ones have one dilated layer less and halve the
frequencies from the first layer on, because nano trains on a CPU. Each discriminator also returns its inner activations
for the feature-matching loss. The losses are not here.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from stepwave.facts.errors import ConfigError


class Judgement(NamedTuple):
    """One discriminator's verdict on a batch of waveforms."""

    scores: Tensor
    """`[b, n]`: one score per place looked at; high means real."""
    features: list[Tensor]
    """Activations of the layers before, each with the batch first."""


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of the set of discriminators."""

    periods: tuple[int, ...] = (2, 3, 5, 7, 11)
    """Samples per row into which each multi-period discriminator folds the waveform; primes overlap least."""
    period_widths: tuple[int, ...] = (8, 32, 64, 128)
    """Output channels of the strided layers of each multi-period discriminator (HiFi-GAN: 32 to 1024)."""
    windows: tuple[int, ...] = (512, 1024, 2048)
    """STFT window in samples of each spectral discriminator; the hop is a quarter of it."""
    spectral_width: int = 16
    """Channels of every layer of a spectral discriminator (EnCodec: 32)."""

    def __post_init__(self) -> None:
        if not self.periods and not self.windows:
            raise ConfigError("there are no periods and no windows: give at least one discriminator")
        if min(self.periods, default=2) < 2 or min(self.windows, default=16) < 16 or any(w % 4 for w in self.windows):
            raise ConfigError("periods must be 2 or more, windows 16 or more and divisible by 4")
        if not self.period_widths or min(*self.period_widths, self.spectral_width) < 1:
            raise ConfigError("period_widths and spectral_width must be positive")


class PeriodDiscriminator(nn.Module):
    """Looks at every `period`-th sample: 2-D convolutions along time only, on the folded waveform."""

    def __init__(self, period: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.period = period
        inputs = (1, *widths)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (5, 1), (3, 1), padding=(2, 0))) for a, b in zip(inputs, widths, strict=False)
        )
        self.judge = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, waveform: Tensor) -> Judgement:
        """`[b, samples]`, more samples than the period."""
        surplus = -waveform.shape[-1] % self.period
        x = F.pad(waveform[:, None], (0, surplus), mode="reflect")
        x = x.reshape(x.shape[0], 1, -1, self.period)
        return _judge(x, self.layers, self.judge)


class SpectralDiscriminator(nn.Module):
    """Looks at the complex STFT of one window length: 2-D convolutions over time and frequency."""

    window: Tensor

    def __init__(self, window: int, width: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        self.layers = nn.ModuleList([weight_norm(nn.Conv2d(2, width, (3, 9), (1, 2), padding=(1, 4)))])
        for dilation in (1, 2):
            self.layers.append(
                weight_norm(nn.Conv2d(width, width, (3, 9), (1, 2), padding=(dilation, 4), dilation=(dilation, 1)))
            )
        self.layers.append(weight_norm(nn.Conv2d(width, width, (3, 3), padding=1)))
        self.judge = weight_norm(nn.Conv2d(width, 1, (3, 3), padding=1))

    def forward(self, waveform: Tensor) -> Judgement:
        """`[b, samples]`, at least half a window of samples."""
        length = self.window.shape[0]
        # Scaled so that white noise keeps its level whatever the window.
        spectrum = torch.stft(
            waveform.float(), length, length // 4, window=self.window, normalized=True, return_complex=True
        )
        return _judge(torch.view_as_real(spectrum).permute(0, 3, 2, 1), self.layers, self.judge)


class Discriminators(nn.Module):
    """All discriminators of a configuration."""

    def __init__(self, config: DiscriminatorConfig | None = None) -> None:
        super().__init__()
        config = config or DiscriminatorConfig()
        self.members = nn.ModuleList(
            [PeriodDiscriminator(period, config.period_widths) for period in config.periods]
            + [SpectralDiscriminator(window, config.spectral_width) for window in config.windows]
        )

    def forward(self, waveform: Tensor) -> list[Judgement]:
        """Judgements of waveforms `[b, samples]`, one per discriminator."""
        return [member(waveform) for member in self.members]


def _judge(x: Tensor, layers: nn.ModuleList, judge: nn.Module) -> Judgement:
    features = []
    for layer in layers:
        x = F.leaky_relu(layer(x), 0.1)
        features.append(x)
    return Judgement(judge(x).flatten(1), features)
