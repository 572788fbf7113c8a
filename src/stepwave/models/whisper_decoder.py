"""Whisper's text decoder, which supervises nano's speech tokenizer: can the words still be told from the codes?

Parameter names are those of OpenAI's state dict (`decoder.*` there). Whisper's tokens and their meaning, beam search
and timestamps are not here; nano's own replies come from `decoder` and never from this module.
Letters: b clips, t text positions, S encoder states (50 a second), w width, v vocabulary.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.facts.errors import ConfigError
from stepwave.layers.attention import MultiHeadAttention, attention_bias, feed_forward, length_mask

KeysAndValues = tuple[Tensor, Tensor]
"""Keys and values of one attention, each `[b, heads, positions, w / heads]`."""


@dataclass(frozen=True)
class WhisperDecoderConfig:
    """Sizes of the text decoder; the defaults are multilingual Whisper base."""

    vocabulary: int = 51_865
    """Rows of the token embedding, which is the output head too."""
    width: int = 512
    """Width of the residual stream and of the encoder's states."""
    heads: int = 8
    """Attention heads; they share the width evenly."""
    layers: int = 6
    """Blocks."""
    positions: int = 448
    """Rows of the position table: the most tokens in one text, prompt included."""

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "heads", "layers", "positions"):
            if getattr(self, name) < 1:
                raise ConfigError(f"Whisper decoder {name} is {getattr(self, name)}; it must be at least 1")
        if self.width % self.heads:
            raise ConfigError(f"Whisper decoder width {self.width} can't be shared evenly by {self.heads} heads")


class WhisperDecoderBlock(nn.Module):
    """Pre-norm block: causal attention over the text, attention over the sound, feed-forward."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(width, heads)
        self.attn_ln = nn.LayerNorm(width)
        self.cross_attn = MultiHeadAttention(width, heads)
        self.cross_attn_ln = nn.LayerNorm(width)
        self.mlp = feed_forward(width, 4 * width)
        self.mlp_ln = nn.LayerNorm(width)

    def sound(self, states: Tensor) -> KeysAndValues:
        """Keys and values of the sound's states `[b, S, w]`."""
        attention = self.cross_attn
        return attention.split(attention.key(states)), attention.split(attention.value(states))

    def forward(
        self, x: Tensor, sound: KeysAndValues, bias: Tensor | None, past: KeysAndValues | None
    ) -> tuple[Tensor, KeysAndValues]:
        """`[b, t, w]` -> the same, and the keys and values of all text so far. With a `past`, t must be 1."""
        normed = self.attn_ln(x)
        q, k, v = (self.attn.split(project(normed)) for project in (self.attn.query, self.attn.key, self.attn.value))
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        x = x + self.attn.out(self.attn.attend(q, k, v, causal=past is None))
        q = self.cross_attn.split(self.cross_attn.query(self.cross_attn_ln(x)))
        x = x + self.cross_attn.out(self.cross_attn.attend(q, *sound, bias))
        return x + self.mlp(self.mlp_ln(x)), (k, v)


class WhisperDecoder(nn.Module):
    """Text tokens, conditioned on normed 50 Hz encoder states, to the next token's logits."""

    def __init__(self, config: WhisperDecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocabulary, config.width)
        self.positional_embedding = nn.Parameter(torch.randn(config.positions, config.width) * 0.01)
        self.blocks = nn.ModuleList(WhisperDecoderBlock(config.width, config.heads) for _ in range(config.layers))
        self.ln = nn.LayerNorm(config.width)

    def forward(self, tokens: Tensor, states: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Teacher-forced hidden states `[b, t, w]` for tokens `[b, t]`; give those that have a label to `logits`.

        `states` `[b, S, w]` are the encoder's last states after its last norm, unpooled; the first `lengths` `[b]` of
        each clip are valid (None: all). Tokens padded on the right need no mask, for nothing looks forward.
        """
        bias = None if lengths is None else attention_bias(length_mask(lengths, states.shape[1]), states.dtype)
        return self.read(tokens, self.sounds(states), bias)

    def read(self, tokens: Tensor, sounds: list[KeysAndValues], bias: Tensor | None = None) -> Tensor:
        """`forward` with the sound's keys and values as `sounds` gives them, for whoever reads several texts."""
        hidden, _ = self._run(tokens, sounds, bias, None)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states `[..., w]` -> logits `[..., v]`; the head is the token embedding."""
        return F.linear(hidden, self.token_embedding.weight)

    @torch.no_grad()
    def greedy(
        self, states: Tensor, lengths: Tensor | None, prompt: list[int], end: int, max_tokens: int = 128
    ) -> list[list[int]]:
        """The likeliest next token again and again, for each clip until `end` or `max_tokens`.

        `prompt` is the same for every clip (Whisper's language and task marks). Returns the new tokens of each clip,
        without prompt and end. Arguments as in `forward`.
        """
        count = states.shape[0]
        sounds = self.sounds(states)
        bias = None if lengths is None else attention_bias(length_mask(lengths, states.shape[1]), states.dtype)
        tokens = torch.tensor(prompt, device=states.device).expand(count, -1)
        past: list[KeysAndValues] | None = None
        done = torch.zeros(count, dtype=torch.bool, device=states.device)
        chosen = []
        for _ in range(min(max_tokens, self.config.positions - len(prompt))):
            hidden, past = self._run(tokens, sounds, bias, past)
            tokens = self.logits(hidden[:, -1:]).argmax(dim=-1).masked_fill(done[:, None], end)
            chosen.append(tokens)
            done |= tokens[:, 0] == end
            if done.all():
                break
        rows = torch.cat(chosen, dim=1).tolist() if chosen else [[] for _ in range(count)]
        return [row[: row.index(end)] if end in row else row for row in rows]

    def sounds(self, states: Tensor) -> list[KeysAndValues]:
        """Keys and values of the sound's states `[b, S, w]` in each block; of pieces, they can be joined."""
        return [block.sound(states) for block in self.blocks if isinstance(block, WhisperDecoderBlock)]

    def _run(
        self, tokens: Tensor, sounds: list[KeysAndValues], bias: Tensor | None, past: list[KeysAndValues] | None
    ) -> tuple[Tensor, list[KeysAndValues]]:
        start = 0 if past is None else past[0][0].shape[2]
        if start + tokens.shape[1] > self.config.positions:
            raise ValueError(f"a text of {start + tokens.shape[1]} tokens; Whisper takes {self.config.positions}")
        x = self.token_embedding(tokens) + self.positional_embedding[start : start + tokens.shape[1]]
        text = []
        for index, block in enumerate(self.blocks):
            x, kept = block(x, sounds[index], bias, None if past is None else past[index])
            text.append(kept)
        return self.ln(x), text
