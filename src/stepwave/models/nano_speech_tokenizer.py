"""nano's speech tokenizer: finite scalar quantisation inside Whisper base's frozen encoder.

The encoder's 50 Hz states after `tap_layer` blocks go through a small trained stack to 25 Hz and eight digits, which
make a code as in the released tokenizer (reference facts 7). For training only, a mirrored stack rebuilds the states
from the digits; they can then go on through the encoder's remaining blocks to Whisper's text decoder, whose loss keeps
what was said in the codes (CosyVoice 2, section 2.2; there the whole encoder is trained). Losses are in `training`.
Letters: b clips, S states (50 a second), n = S // 2 codes (25 a second), w width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stepwave.facts.errors import ConfigError
from stepwave.models.fsq import DIGITS, Quantizer, codes_of, quantise
from stepwave.models.speech_tokenizer import MemoryBlocks

TRAINING_PREFIX = "reconstruction."
"""Parameters under this name serve training only and are not stored with the finished tokenizer."""


@dataclass(frozen=True)
class NanoSpeechTokenizerConfig:
    """Sizes of nano's tokenizer; the defaults fit Whisper base."""

    tap_layer: int = 4
    """How many of the encoder's blocks have run when its states are tapped."""
    width: int = 512
    """Width of the encoder's states and of the stacks here."""
    heads: int = 8
    """Attention heads of the stacks; the width of each must be even for RoPE."""
    lower_layers: int = 2
    """Blocks between the states and the digits."""
    upper_layers: int = 2
    """Blocks between the digits and the rebuilt states (training only)."""

    def __post_init__(self) -> None:
        for name in ("tap_layer", "width", "heads", "lower_layers", "upper_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"nano speech tokenizer {name} is {getattr(self, name)}; it must be at least 1")
        if self.width % (2 * self.heads):
            raise ConfigError(f"nano speech tokenizer width {self.width} gives {self.heads} heads no even width each")


class StateReconstruction(nn.Module):
    """Digits at 25 Hz back to normalised encoder states at 50 Hz (training only)."""

    def __init__(self, config: NanoSpeechTokenizerConfig) -> None:
        super().__init__()
        self.project_up = nn.Linear(DIGITS, config.width)
        self.up = nn.ConvTranspose1d(config.width, config.width, 2, stride=2)
        self.blocks = MemoryBlocks(config.upper_layers, config.width, config.heads)
        self.norm = nn.LayerNorm(config.width)
        self.out = nn.Linear(config.width, config.width)

    def forward(self, quantised: Tensor, code_lengths: Tensor) -> Tensor:
        """Quantised values `[b, n, 8]` -> normalised states `[b, 2n, w]`."""
        x = self.up(self.project_up(quantised).transpose(1, 2)).transpose(1, 2)
        states: Tensor = self.out(self.norm(self.blocks(x, 2 * code_lengths)))
        return states


class NanoSpeechTokenizer(nn.Module):
    """Encoder states to codes 0..6560, and back to states while training."""

    state_mean: Tensor
    state_scale: Tensor

    def __init__(self, config: NanoSpeechTokenizerConfig, *, for_training: bool = False) -> None:
        super().__init__()
        self.config = config
        # Whisper's states have a few channels many times larger than the rest. Normalised by these statistics, all
        # channels count alike, both going in and in the loss of the rebuilt states.
        self.register_buffer("state_mean", torch.zeros(config.width))
        self.register_buffer("state_scale", torch.ones(config.width))
        self.blocks = MemoryBlocks(config.lower_layers, config.width, config.heads)
        self.down = nn.Conv1d(config.width, config.width, 2, stride=2)
        self.norm = nn.LayerNorm(config.width)
        self.quantizer = Quantizer(config.width)
        self.reconstruction = StateReconstruction(config) if for_training else None

    def set_statistics(self, states: Tensor) -> None:
        """Take mean and standard deviation per channel from valid states `[count, w]`; call once, before training."""
        self.state_mean.copy_(states.mean(dim=0))
        self.state_scale.copy_(states.std(dim=0).clamp_min(1e-3))

    def normalise(self, states: Tensor) -> Tensor:
        """States `[..., w]` as the stacks see them, each channel about standard normal."""
        return (states - self.state_mean) / self.state_scale

    def denormalise(self, states: Tensor) -> Tensor:
        """The inverse of `normalise`."""
        return states * self.state_scale + self.state_mean

    def bounded(self, hidden: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder states `[b, S, w]`, valid counts `[b]` -> digits before rounding `[b, n, 8]`, code lengths `[b]`.

        Every code covers two whole states, so a last odd state is left out: n = S // 2, as with the encoder's pooling.
        """
        x = self.blocks(self.normalise(hidden), lengths)
        x = self.down(x.transpose(1, 2)).transpose(1, 2)
        return self.quantizer.bounded(self.norm(x)), lengths // 2

    def quantised(self, hidden: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Like `bounded`, rounded to -1, 0, 1 with gradients passing straight through."""
        bounded, code_lengths = self.bounded(hidden, lengths)
        return quantise(bounded), code_lengths

    @torch.no_grad()
    def encode(self, hidden: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder states `[b, S, w]`, valid counts `[b]` -> codes `[b, n]` (int64) and code lengths `[b]`.

        Codes past a clip's length mean nothing. Each code stands for two mel frames of 20 ms at 24 kHz.
        """
        quantised, code_lengths = self.quantised(hidden, lengths)
        return codes_of(quantised), code_lengths

    def reconstruct(self, quantised: Tensor, code_lengths: Tensor) -> Tensor:
        """Quantised values `[b, n, 8]` -> rebuilt normalised states `[b, 2n, w]`, to compare with `normalise(hidden)`.

        `denormalise` makes of them what the encoder's remaining blocks take. Raises ValueError on a tokenizer that
        was built without its training part.
        """
        if self.reconstruction is None:
            raise ValueError("this tokenizer was built for codes only; build it with for_training=True")
        states: Tensor = self.reconstruction(quantised, code_lengths)
        return states
