"""Vocoder: speech mel frames (50 per second) to a waveform at 24 kHz. One class for mini and nano.

As released (reference facts 6.5): a HiFi-GAN body (Kong et al. 2020, arXiv:2010.05646) that is given the spectrum of a
harmonic source at every up-sampling stage (HiFTNet, Li et al. 2023, arXiv:2309.09493) and ends in an inverse STFT
(iSTFTNet, Kaneko et al. 2022, arXiv:2203.02395). Parameter names are the released ones.

Departures, all switched by `VocoderConfig` and off for mini: a body that sees only the past, with a fixed look-ahead of
a few mel frames (for low latency); the phase taken as the angle itself, as in Vocos (Siuzdak 2023, arXiv:2306.00814,
section 3), because the released sine keeps it within +-1 radian, too little for a long inverse STFT; f0 predicted in
units of 100 Hz.

Streaming drivers are in vocoder_stream, adversarial training's other half in discriminators.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE, SPEECH_MEL_HOP
from stepwave.models.vocoder_layers import (
    ResBlock,
    StreamConv1d,
    StreamConvTranspose1d,
    StreamState,
    fuse_weight_norm,
    normed,
)
from stepwave.models.vocoder_source import HarmonicSource, positioned_noise
from stepwave.models.vocoder_spectrum import InverseSpectrum, Spectrum

MAGNITUDE_LIMIT = 100.0
AUDIO_LIMIT = 0.99
F0_LAYERS = 5


@dataclass(frozen=True)
class VocoderConfig:
    """Sizes of a vocoder. The defaults are the released model's."""

    mel_bands: int = 80
    """Bands of the incoming mel."""
    base_channels: int = 512
    """Width after the first convolution; every stage halves it."""
    upsample_rates: tuple[int, ...] = (8, 5, 3)
    """Up-sampling per stage; their product times `hop` is one mel frame in samples, 480."""
    upsample_kernels: tuple[int, ...] = (16, 11, 7)
    """Kernel of each stage's transposed convolution: rate <= kernel <= 3 * rate, kernel - rate even."""
    source_resblock_kernels: tuple[int, ...] = (7, 7, 11)
    """Kernel of the residual block on each stage's source spectrum."""
    resblock_kernels: tuple[int, ...] = (3, 7, 11)
    """Kernels of the parallel residual blocks of every stage, whose results are averaged."""
    dilations: tuple[int, ...] = (1, 3, 5)
    """Dilations inside every residual block."""
    n_fft: int = 16
    """Window of the STFT of the source and of the closing inverse STFT, in samples."""
    hop: int = 4
    """Hop of both, in samples; divides n_fft at least four times."""
    partials: int = 9
    """Multiples of f0 in the source, the fundamental included."""
    f0_channels: int = 512
    """Width of the f0 predictor."""
    f0_unit: float = 1.0
    """Hertz that one unit of the f0 predictor's output stands for."""
    look_ahead: int | None = None
    """Mel frames that the first convolutions (body and f0) may see ahead, everything after them seeing the past only.
    None: every convolution is symmetric, as released."""
    phase: Literal["sine", "angle"] = "sine"
    """Whether the last convolution's output is the phase's sine-limited form (released) or the angle itself."""
    sine_amplitude: float = 0.1
    """Amplitude of each partial."""
    voiced_noise: float = 0.003
    """Standard deviation of the source's noise in voiced frames; a third of `sine_amplitude` elsewhere."""
    voiced_above: float = 10.0
    """f0 in Hz above which a frame is voiced."""

    def __post_init__(self) -> None:
        stages = {len(self.upsample_rates), len(self.upsample_kernels), len(self.source_resblock_kernels)}
        if len(stages) != 1 or 0 in stages:
            raise ConfigError("upsample_rates, upsample_kernels and source_resblock_kernels need one entry per stage")
        if self.samples_per_frame != SPEECH_MEL_HOP:
            raise ConfigError(
                f"upsample_rates {self.upsample_rates} times hop {self.hop} give {self.samples_per_frame} samples per"
                f" mel frame; choose rates and hop whose product is {SPEECH_MEL_HOP}"
            )
        for rate, kernel in zip(self.upsample_rates, self.upsample_kernels, strict=True):
            if not rate <= kernel <= 3 * rate or (kernel - rate) % 2:
                raise ConfigError(f"kernel {kernel} of rate {rate}: choose rate <= kernel <= 3 * rate, difference even")
        if any(kernel % 2 == 0 for kernel in (*self.resblock_kernels, *self.source_resblock_kernels)):
            raise ConfigError("residual block kernels must be odd")
        if self.n_fft % self.hop or self.n_fft < 4 * self.hop:
            raise ConfigError(f"n_fft {self.n_fft} must be a multiple of hop {self.hop}, at least four times it")
        if self.base_channels % 2 ** len(self.upsample_rates):
            raise ConfigError(f"base_channels {self.base_channels} cannot be halved {len(self.upsample_rates)} times")
        if min(self.mel_bands, self.f0_channels, self.partials, *self.dilations) < 1 or self.f0_unit <= 0:
            raise ConfigError("mel_bands, f0_channels, partials, dilations and f0_unit must be positive")
        if self.look_ahead is not None and not 0 <= self.look_ahead <= F0_LAYERS:
            raise ConfigError(f"look_ahead {self.look_ahead} must be between 0 and {F0_LAYERS} mel frames, or None")
        if self.phase not in ("sine", "angle"):
            raise ConfigError(f"phase {self.phase!r} must be 'sine' or 'angle'")

    @property
    def samples_per_frame(self) -> int:
        """Samples that one mel frame becomes."""
        return math.prod(self.upsample_rates) * self.hop

    @property
    def causal(self) -> bool:
        """Whether the body sees only the past (apart from the fixed look-ahead)."""
        return self.look_ahead is not None

    @classmethod
    def mini(cls) -> "VocoderConfig":
        """The released vocoder (reference facts 6.5): 328 tensors."""
        return cls()

    @classmethod
    def nano(cls) -> "VocoderConfig":
        """Small and quick on a CPU: two stages to 1000 Hz, then an inverse STFT of 4 ms. 2.6 M parameters.

        Measured on one core (x86, one thread): 0.04 s per second of sound with the weight norms multiplied out, 0.08 s
        forward and backward. A stream holds back 4.3 mel frames (86 ms).
        """
        return cls(
            base_channels=256,
            upsample_rates=(4, 5),
            upsample_kernels=(8, 11),
            source_resblock_kernels=(3, 7),
            resblock_kernels=(3, 7),
            n_fft=96,
            hop=24,
            f0_channels=128,
            f0_unit=100.0,
            look_ahead=3,
            phase="angle",
        )


class F0Predictor(nn.Module):
    """Fundamental frequency from mel: five convolutions with ELU and a linear layer; the result's absolute value."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.unit = config.f0_unit
        layers: list[nn.Module] = []
        for index in range(F0_LAYERS):
            inputs = config.f0_channels if index else config.mel_bands
            ahead = 1 if config.look_ahead is None or index < config.look_ahead else 0
            layers += [normed(StreamConv1d(inputs, config.f0_channels, 3, left=2 - ahead, right=ahead)), nn.ELU()]
        self.condnet = nn.Sequential(*layers)
        self.classifier = nn.Linear(config.f0_channels, 1)

    def forward(self, mel: Tensor, state: StreamState | None = None) -> Tensor:
        """`[b, bands, t]` to hertz `[b, t]` in the mel's float type, 0 or more; all pieces together."""
        x = mel
        for layer in self.condnet:
            x = layer(x, state) if isinstance(layer, StreamConv1d) else layer(x)
        weight, bias = self.classifier.weight.to(x.dtype), self.classifier.bias.to(x.dtype)
        return F.linear(x.transpose(1, 2), weight, bias).squeeze(-1).abs() * self.unit


class Vocoder(nn.Module):
    """Mel to waveform. All methods take a batch; `state` turns them into pieces of a stream (see vocoder_layers)."""

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.config = config
        causal, bins = config.causal, config.n_fft + 2
        self.m_source = HarmonicSource(
            config.partials,
            config.samples_per_frame,
            OUTPUT_SAMPLE_RATE,
            amplitude=config.sine_amplitude,
            voiced_noise=config.voiced_noise,
            voiced_above=config.voiced_above,
        )
        ahead = 3 if config.look_ahead is None else min(3, config.look_ahead)
        self.conv_pre = normed(StreamConv1d(config.mel_bands, config.base_channels, 7, left=6 - ahead, right=ahead))
        self.ups = nn.ModuleList()
        self.source_downs = nn.ModuleList()
        self.source_resblocks = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        stages = zip(config.upsample_rates, config.upsample_kernels, config.source_resblock_kernels, strict=True)
        width = config.base_channels
        for stage, (rate, kernel, source_kernel) in enumerate(stages):
            width //= 2
            self.ups.append(normed(StreamConvTranspose1d(2 * width, width, kernel, rate, causal=causal)))
            self.source_downs.append(_source_down(bins, width, math.prod(config.upsample_rates[stage + 1 :]), causal))
            self.source_resblocks.append(ResBlock(width, source_kernel, config.dilations, causal=causal))
            for block_kernel in config.resblock_kernels:
                self.resblocks.append(ResBlock(width, block_kernel, config.dilations, causal=causal))
        ahead = 0 if causal else 3
        self.conv_post = normed(StreamConv1d(width, bins, 7, left=6 - ahead, right=ahead))
        self.f0_predictor = F0Predictor(config)
        self.spectrum = Spectrum(config.n_fft, config.hop)
        self.inverse_spectrum = InverseSpectrum(config.n_fft, config.hop)

    def f0(self, mel: Tensor, state: StreamState | None = None) -> Tensor:
        """Fundamental frequency in Hz, `[b, bands, t]` to `[b, t]`, differentiable."""
        f0: Tensor = self.f0_predictor(mel, state)
        return f0

    def source(self, f0: Tensor, noise: Tensor | None = None, state: StreamState | None = None) -> Tensor:
        """Excitation `[b, 1, 480 t]` of f0 `[b, t]` in Hz.

        `noise` is standard normal `[b or 1, 480 t, partials or 1]`; without it, it is drawn from PyTorch's default
        generator. The gradient reaches the mix's weights; detach f0 unless it is wanted there too.
        """
        if noise is None:
            noise = torch.randn(f0.shape[0], self.m_source.ready_samples(f0.shape[1], state), 1, device=f0.device)
        source: Tensor = self.m_source(f0, noise, state)
        return source

    def waveform(self, mel: Tensor, source: Tensor, state: StreamState | None = None) -> Tensor:
        """Samples `[b, 480 t]` within +-0.99 of mel `[b, bands, t]` and source `[b, 1, 480 t]`, differentiable."""
        magnitude, phase = self.magnitude_and_phase(mel, source, state)
        real, imaginary = magnitude * torch.cos(phase), magnitude * torch.sin(phase)
        samples: Tensor = self.inverse_spectrum(real, imaginary, state)
        return samples.clamp(-AUDIO_LIMIT, AUDIO_LIMIT)

    def magnitude_and_phase(
        self, mel: Tensor, source: Tensor, state: StreamState | None = None
    ) -> tuple[Tensor, Tensor]:
        """What goes into the inverse STFT: two `[b, n_fft / 2 + 1, 480 t / hop + 1]`."""
        spectrum = self.spectrum(source[:, 0], state)
        x = self.conv_pre(mel, state)
        blocks = len(self.config.resblock_kernels)
        for stage, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, 0.1), state)
            if stage == len(self.ups) - 1:
                x = self._reflect_left(x, state)
            change = self.source_resblocks[stage](self.source_downs[stage](spectrum, state), state)
            if state is not None:
                x, change = state.join(up, x, change)
            x = x + change
            results = [block(x, state) for block in self.resblocks[stage * blocks : (stage + 1) * blocks]]
            if state is not None:
                results = list(state.join(self.resblocks[stage * blocks], *results))
            x = torch.stack(results).mean(dim=0)
        x = self.conv_post(F.leaky_relu(x, 0.01), state)
        log_magnitude, phase = x.split(self.config.n_fft // 2 + 1, dim=1)
        magnitude = torch.exp(log_magnitude).clamp(max=MAGNITUDE_LIMIT)
        return magnitude, torch.sin(phase) if self.config.phase == "sine" else phase

    def waveform_and_f0(self, mel: Tensor, f0: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """A training step's two results: samples `[b, 480 t]` and predicted f0 `[b, t]`, both differentiable.

        The source follows the given `f0` (hertz, of the recording), or the predicted one without its gradient.
        """
        predicted = self.f0(mel)
        driving = predicted.detach() if f0 is None else f0
        return self.waveform(mel, self.source(driving)), predicted

    def forward(self, mel: Tensor, seed: int = 0) -> Tensor:
        """Whole waveform `[b, 480 t]` of mel `[b, bands, t]`, without gradient in f0; the same for the same seed.

        f0 is computed in float64: a stream rounds its convolutions otherwise than a whole signal does, and in float32
        the phase would add those differences up until they show in the samples.
        """
        with torch.no_grad():
            f0 = self.f0(mel.double())
        noise = positioned_noise(seed, 0, f0.shape[1] * self.config.samples_per_frame)[None, :, None].to(mel.device)
        return self.waveform(mel, self.source(f0, noise))

    def remove_weight_norm(self) -> None:
        """Multiply the weight norms out, in place: quicker, for inference only, and not undone."""
        fuse_weight_norm(self)

    def _reflect_left(self, x: Tensor, state: StreamState | None) -> Tensor:
        """One sample more on the left, a copy of the second."""
        if state is None:
            return F.pad(x, (1, 0), mode="reflect")
        if state.length(self, "reflected"):
            return x
        x = state.append(self, "start", x)
        if x.shape[-1] < 2:
            state.keep(self, "start", x)
            return x[..., :0]
        state.keep(self, "reflected", x[..., :1])
        return torch.cat([x[..., 1:2], x], dim=-1)


def _source_down(bins: int, width: int, stride: int, causal: bool) -> StreamConv1d:
    """Source spectrum frames to the frame rate of a stage that is still to be up-sampled by `stride`."""
    if stride == 1:
        return StreamConv1d(bins, width, 1, left=0, right=0)
    left = stride - 1 if causal else stride // 2
    return StreamConv1d(bins, width, 2 * stride, left=left, right=0 if causal else stride // 2, stride=stride)
