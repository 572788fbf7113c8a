"""The released speech tokenizer, S3 tokenizer v2 at 25 Hz: log-mel at 16 kHz to codes (reference facts 7).

It is used on the prompt recording of a voice and for making training data. Its block, attention with RoPE and a
convolutional memory, also builds nano's own tokenizer (`nano_speech_tokenizer`). Parameter names are the released
ones, but for `quantizer.project_down`, which the file calls `quantizer._codebook.project_down`.
Letters: b clips, T mel frames (100 a second), n = ceil(ceil(T / 2) / 2) codes (25 a second), w width, d head width.
"""

from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.facts.errors import ConfigError
from stepwave.layers.attention import MultiHeadAttention, attention_bias, feed_forward, length_mask
from stepwave.layers.rotary import rotary_table, rotate
from stepwave.models.fsq import Quantizer

WINDOW: Final = 3000
"""Mel frames the tokenizer takes at once: 30 s."""
STRIDE: Final = 2600
"""Mel frames from one window's start to the next; windows overlap by 4 s."""
INNER_CODES: Final = 50
"""Codes dropped on each inner side when windows are joined: half the overlap."""
MEMORY_KERNEL: Final = 31
ROPE_THETA: Final = 10_000.0


@dataclass(frozen=True)
class SpeechTokenizerConfig:
    """Sizes of the S3 v2 tokenizer; the defaults are the released ones."""

    bands: int = 128
    """Mel bands of the input."""
    width: int = 1280
    """Width of the residual stream; the feed-forward layers are four times as wide."""
    heads: int = 20
    """Attention heads; the width of each must be even for RoPE."""
    layers: int = 6
    """Blocks."""

    def __post_init__(self) -> None:
        for name in ("bands", "width", "heads", "layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"speech tokenizer {name} is {getattr(self, name)}; it must be at least 1")
        if self.width % (2 * self.heads):
            raise ConfigError(f"speech tokenizer width {self.width} gives {self.heads} heads no even width each")


class MemoryAttention(MultiHeadAttention):
    """Attention with RoPE, and beside it a memory: a depthwise convolution over the values (FSMN)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.fsmn_block = nn.Conv1d(width, width, MEMORY_KERNEL, padding=MEMORY_KERNEL // 2, groups=width, bias=False)

    def remember(self, values: Tensor, valid: Tensor) -> Tensor:
        """Masked values plus their convolution over time, masked again: `[b, t, w]`, valid `[b, t, 1]`."""
        values = values * valid
        memory: Tensor = self.fsmn_block(values.transpose(1, 2)).transpose(1, 2)
        return (memory + values) * valid

    def mix(self, x: Tensor, valid: Tensor, bias: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
        """`[b, t, w]` -> `[b, t, w]`; the memory joins after the output projection."""
        values = self.value(x)
        q, k = (rotate(self.split(project(x)), *rotary) for project in (self.query, self.key))
        mixed: Tensor = self.out(self.attend(q, k, self.split(values), bias))
        return mixed + self.remember(values, valid)


class MemoryBlock(nn.Module):
    """Pre-norm block of memory attention and feed-forward; the first norm's epsilon is 1e-6 as released."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = MemoryAttention(width, heads)
        self.attn_ln = nn.LayerNorm(width, eps=1e-6)
        self.mlp = feed_forward(width, 4 * width)
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Tensor, valid: Tensor, bias: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
        """`[b, t, w]` -> `[b, t, w]`; `valid` `[b, t, 1]` is 1 or 0, `bias` is added to the scores."""
        x = x + self.attn.mix(self.attn_ln(x), valid, bias, rotary)
        x = x + self.mlp(self.mlp_ln(x))
        return x


class MemoryBlocks(nn.ModuleList):
    """A stack of memory blocks that makes its masks and positions from lengths."""

    def __init__(self, layers: int, width: int, heads: int) -> None:
        super().__init__(MemoryBlock(width, heads) for _ in range(layers))
        self.head_width = width // heads

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """`[b, t, w]`, of which the first `lengths` `[b]` of each row are valid -> `[b, t, w]`."""
        valid = length_mask(lengths, x.shape[1])
        bias = attention_bias(valid, x.dtype)
        rotary = rotary_table(torch.arange(x.shape[1], device=x.device), self.head_width, ROPE_THETA)
        for block in self:
            x = block(x, valid[..., None].to(x.dtype), bias, rotary)
        return x


class TokenizerEncoder(nn.Module):
    """Two strided convolutions and the blocks; no learned positions and no last norm."""

    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(config.bands, config.width, 3, stride=2, padding=1)
        self.conv2 = nn.Conv1d(config.width, config.width, 3, stride=2, padding=1)
        self.blocks = MemoryBlocks(config.layers, config.width, config.heads)

    def forward(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-mel `[b, bands, T]`, valid frames `[b]` -> hidden `[b, n, w]` and its valid lengths `[b]`."""
        x = mel
        for conv in (self.conv1, self.conv2):
            x = F.gelu(conv(x * length_mask(lengths, x.shape[2])[:, None, :]))
            lengths = (lengths + 1) // 2
        return self.blocks(x.transpose(1, 2), lengths), lengths


class SpeechTokenizer(nn.Module):
    """Log-mel to codes 0..6560."""

    def __init__(self, config: SpeechTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = TokenizerEncoder(config)
        self.quantizer = Quantizer(config.width)

    @torch.no_grad()
    def encode(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-mel `[b, bands, T]` (no 479-sample padding), valid frames `[b]` -> codes `[b, n]`, code lengths `[b]`.

        Codes past a clip's length are 0 or mean nothing. A clip over 30 s goes through in windows of 3000 frames
        every 2600, joined as the reference joins them: when a third or later window is shorter than 4 s, codes are
        lost there (reference facts 7).
        """
        if mel.shape[2] <= WINDOW:
            hidden, code_lengths = self.encoder(mel, lengths)
            return self.quantizer(hidden), code_lengths
        clips = [self._encode_long(clip[:, :length]) for clip, length in zip(mel, lengths.tolist(), strict=True)]
        code_lengths = torch.tensor([len(codes) for codes in clips], device=mel.device)
        return nn.utils.rnn.pad_sequence(clips, batch_first=True), code_lengths

    def _encode_long(self, mel: Tensor) -> Tensor:
        """One clip `[bands, T]` of any length -> codes `[n]`."""
        frames = mel.shape[1]
        starts = [0] if frames <= WINDOW else list(range(0, frames, STRIDE))
        kept = []
        for start in starts:
            piece = mel[None, :, start : start + WINDOW]
            hidden, _ = self.encoder(piece, torch.tensor([piece.shape[2]], device=mel.device))
            codes = self.quantizer(hidden)[0]
            first = 0 if start == starts[0] else INNER_CODES
            last = len(codes) if start == starts[-1] else len(codes) - INNER_CODES
            kept.append(codes[first:last])
        return torch.cat(kept)
