"""The audio encoder: Whisper's, with average pooling to 25 frames a second before the last norm.

One class holds the encoder of mini (128 bands, width 1280) and of nano (Whisper base). Parameter names are the
released ones. Log-mel features come from `signal.mel`; lengths follow `facts.rates`. The adaptor is in `adaptor`.
Letters: b clips, T mel frames (100 a second), S = ceil(T / 2) states (50 a second), w width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.facts.errors import AudioTooLongError, ConfigError
from stepwave.layers.attention import MultiHeadAttention, attention_bias, feed_forward


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the audio encoder; the defaults are Whisper base, nano's encoder."""

    bands: int = 80
    """Mel bands of the input."""
    width: int = 512
    """Width of the residual stream; the feed-forward layers are four times as wide."""
    heads: int = 8
    """Attention heads; they share the width evenly."""
    layers: int = 6
    """Transformer blocks."""
    positions: int = 1500
    """Rows of the position table: the most 50 Hz states one clip may have (1500 = 30 s)."""

    def __post_init__(self) -> None:
        for name in ("bands", "width", "heads", "layers", "positions"):
            if getattr(self, name) < 1:
                raise ConfigError(f"encoder {name} is {getattr(self, name)}; it must be at least 1")
        if self.width % self.heads:
            raise ConfigError(f"encoder width {self.width} can't be shared evenly by {self.heads} heads")


WHISPER_BASE = EncoderConfig()
MINI_ENCODER = EncoderConfig(bands=128, width=1280, heads=20, layers=32)


def state_lengths(lengths: Tensor) -> Tensor:
    """Valid 50 Hz states for `lengths` valid mel frames: ceil(L / 2)."""
    return (lengths + 1) // 2


def attended_states(lengths: Tensor, mel_frames: int) -> Tensor:
    """Which 50 Hz states may be attended, bool `[b, S]`: `lengths` `[b]` of `mel_frames` = T frames are valid.

    The released model tests every second mel frame, beginning at index (T + 1) % 2, so that the parity of the padded
    length decides whether a clip keeps floor(L / 2) or ceil(L / 2) states (reference facts 3.1, step 3).
    """
    tested = torch.arange((mel_frames + 1) % 2, mel_frames, 2, device=lengths.device)
    return tested < lengths[:, None]


class EncoderBlock(nn.Module):
    """Pre-norm transformer block: `x += attn(attn_ln(x))`, then `x += mlp(mlp_ln(x))`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        self.mlp = feed_forward(width, 4 * width)
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """`[b, S, w]` -> `[b, S, w]`; `bias` is added to the attention scores."""
        x = x + self.attn(self.attn_ln(x), bias)
        x = x + self.mlp(self.mlp_ln(x))
        return x


class AudioEncoder(nn.Module):
    """Log-mel to 25 Hz frames (reference facts 3.1)."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv1d(config.bands, config.width, 3, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        self.positional_embedding = nn.Embedding(config.positions, config.width)
        self.blocks = nn.ModuleList(EncoderBlock(config.width, config.heads) for _ in range(config.layers))
        self.after_norm = nn.LayerNorm(config.width)

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Encode log-mel `[b, bands, T]` with `lengths` `[b]` valid mel frames (None: every frame is valid).

        Returns frames `[b, S // 2, w]` and how many of them are valid, E = ((L + 1) // 2) // 2, `[b]`. Frames past E
        are computed but mean nothing. Without `lengths` attention runs unmasked, the quickest way.
        Raises AudioTooLongError when the clip has more states than the position table has rows.
        """
        frames = self.pool(self.hidden(mel, lengths))
        if lengths is None:
            lengths = torch.full((mel.shape[0],), mel.shape[2], device=mel.device)
        return frames, state_lengths(lengths) // 2

    def hidden(self, mel: Tensor, lengths: Tensor | None = None, layers: int | None = None) -> Tensor:
        """The 50 Hz states `[b, S, w]` after the first `layers` blocks (None: all), before pooling and `after_norm`."""
        states = self.stem(mel)
        valid = None if lengths is None else attended_states(lengths, mel.shape[2])
        return self.run_blocks(states, valid, 0, layers)

    def stem(self, mel: Tensor) -> Tensor:
        """Convolutions and positions: log-mel `[b, bands, T]` -> `[b, S, w]`. Nothing is masked here."""
        states = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        count = states.shape[1]
        if count > self.config.positions:
            raise AudioTooLongError(
                f"a clip of {mel.shape[2]} mel frames came to the encoder, which takes {2 * self.config.positions} "
                "at most; cut the recording into pieces first (signal.pieces)"
            )
        return (states + self.positional_embedding.weight[:count]).to(mel.dtype)

    def run_blocks(self, states: Tensor, valid: Tensor | None, start: int, stop: int | None = None) -> Tensor:
        """Run blocks `start` up to but without `stop` (None: the last too) over 50 Hz states `[b, S, w]`.

        `valid` is bool `[b, S]`, or None when every state may be attended. This is also how states that were stored
        after some block go on through the rest.
        """
        bias = None if valid is None else attention_bias(valid, states.dtype)
        for block in self.blocks[start:stop]:
            states = block(states, bias)
        return states

    def pool(self, states: Tensor) -> Tensor:
        """Average pairs of states, then norm: `[b, S, w]` at 50 Hz -> `[b, S // 2, w]` at 25 Hz."""
        pooled = F.avg_pool1d(states.transpose(1, 2), kernel_size=2, stride=2)
        frames: Tensor = self.after_norm(pooled.transpose(1, 2))
        return frames
