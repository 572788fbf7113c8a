"""nano's speech tokenizer: finite scalar quantisation of the audio encoder's own 25 Hz frames.

A small convolutional stack turns the frames that the adaptor takes into eight digits, which make a code as in the
released tokenizer (reference facts 7). For training only, a mirrored stack makes hidden states and rebuilt frames of
the digits; Whisper's text decoder then reads the rebuilt frames, and its loss keeps what was said in the codes
(CosyVoice 2, section 2.2; there the whole encoder is trained, here it is frozen and its frames are cached).
Losses are in `training`. Letters: b clips, n frames and codes (25 a second), w width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stepwave.facts.errors import ConfigError
from stepwave.layers.attention import length_mask
from stepwave.models.fsq import DIGITS, Quantizer, codes_of, quantise

TRAINING_PREFIX = "reconstruction."
"""Parameters under this name serve training only and are not stored with the finished tokenizer."""


@dataclass(frozen=True)
class NanoSpeechTokenizerConfig:
    """Sizes of nano's tokenizer; the defaults fit Whisper base."""

    width: int = 512
    """Width of the encoder's frames and of the stacks here."""
    hidden: int = 1024
    """Inner width of a block."""
    kernel: int = 7
    """Frames that a block's depthwise convolution sees; odd."""
    lower_blocks: int = 3
    """Blocks between the frames and the digits."""
    upper_blocks: int = 3
    """Blocks between the digits and the rebuilt frames (training only)."""

    def __post_init__(self) -> None:
        for name in ("width", "hidden", "kernel", "lower_blocks", "upper_blocks"):
            if getattr(self, name) < 1:
                raise ConfigError(f"nano speech tokenizer {name} is {getattr(self, name)}; it must be at least 1")
        if self.kernel % 2 == 0:
            raise ConfigError(f"nano speech tokenizer kernel is {self.kernel}; it must be odd")


class ConvBlock(nn.Module):
    """Depthwise convolution, norm, two-layer perceptron, residual (ConvNeXt, Liu et al. 2022, in one dimension)."""

    def __init__(self, width: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """`[b, n, w]` -> the same; frames that are not `valid` `[b, n, 1]` count as zeros."""
        mixed = self.depthwise((x * valid).transpose(1, 2)).transpose(1, 2)
        result: Tensor = x + self.mlp(self.norm(mixed))
        return result


class ConvStack(nn.Module):
    """Several blocks and a closing norm."""

    def __init__(self, blocks: int, config: NanoSpeechTokenizerConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvBlock(config.width, config.hidden, config.kernel) for _ in range(blocks))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """`[b, n, w]` with valid counts `[b]` -> normed `[b, n, w]`."""
        valid = length_mask(lengths, x.shape[1])[..., None].to(x.dtype)
        for block in self.blocks:
            x = block(x, valid)
        result: Tensor = self.norm(x)
        return result


class FrameReconstruction(nn.Module):
    """Digits back to normalised encoder frames (training only)."""

    def __init__(self, config: NanoSpeechTokenizerConfig) -> None:
        super().__init__()
        self.project_up = nn.Linear(DIGITS, config.width)
        self.stack = ConvStack(config.upper_blocks, config)
        self.out = nn.Linear(config.width, config.width)

    def hidden(self, quantised: Tensor, lengths: Tensor) -> Tensor:
        """Quantised values `[b, n, 8]` -> what the stack makes of them, `[b, n, w]`, normed."""
        hidden: Tensor = self.stack(self.project_up(quantised), lengths)
        return hidden

    def forward(self, quantised: Tensor, lengths: Tensor) -> Tensor:
        """Quantised values `[b, n, 8]` -> normalised frames `[b, n, w]`."""
        frames: Tensor = self.out(self.hidden(quantised, lengths))
        return frames


class NanoSpeechTokenizer(nn.Module):
    """Encoder frames to codes 0..6560, and back to frames while training."""

    frame_mean: Tensor
    frame_scale: Tensor

    def __init__(self, config: NanoSpeechTokenizerConfig, *, for_training: bool = False) -> None:
        super().__init__()
        self.config = config
        # Whisper's frames have a few channels many times larger than the rest. Normalised by these statistics, all
        # channels count alike, both going in and in the loss of the rebuilt frames.
        self.register_buffer("frame_mean", torch.zeros(config.width))
        self.register_buffer("frame_scale", torch.ones(config.width))
        self.stack = ConvStack(config.lower_blocks, config)
        self.quantizer = Quantizer(config.width)
        self.reconstruction = FrameReconstruction(config) if for_training else None

    def set_statistics(self, frames: Tensor) -> None:
        """Take mean and standard deviation per channel from valid frames `[count, w]`; call once, before training."""
        self.frame_mean.copy_(frames.mean(dim=0))
        self.frame_scale.copy_(frames.std(dim=0).clamp_min(1e-3))

    def normalise(self, frames: Tensor) -> Tensor:
        """Frames `[..., w]` as the stacks see them, each channel about standard normal."""
        return (frames - self.frame_mean) / self.frame_scale

    def denormalise(self, frames: Tensor) -> Tensor:
        """The inverse of `normalise`."""
        return frames * self.frame_scale + self.frame_mean

    def bounded(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Encoder frames `[b, n, w]`, valid counts `[b]` -> digits before rounding `[b, n, 8]`."""
        return self.quantizer.bounded(self.stack(self.normalise(frames), lengths))

    @torch.no_grad()
    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Encoder frames `[b, n, w]`, valid counts `[b]` -> codes `[b, n]` (int64), one per frame.

        Codes past a clip's length mean nothing. Each code stands for two mel frames of 20 ms at 24 kHz.
        """
        return codes_of(quantise(self.bounded(frames, lengths)))

    def rebuild(self, quantised: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Quantised values `[b, n, 8]` -> hidden states and rebuilt normalised frames, both `[b, n, w]`.

        Raises ValueError on a tokenizer that was built without its training part.
        """
        if self.reconstruction is None:
            raise ValueError("this tokenizer was built for codes only; build it with for_training=True")
        hidden = self.reconstruction.hidden(quantised, lengths)
        return hidden, self.reconstruction.out(hidden)
