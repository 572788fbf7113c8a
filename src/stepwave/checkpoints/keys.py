"""Parameter names of checkpoints and of our modules, as tables that work both ways.

Our modules keep the released names, so most tables are a prefix. A rule is a pair (theirs, ours) in which `#` stands
for a layer number and `*` for any rest; both sides hold the same marks in the same order. Tables for CTranslate2 and
GGUF, where tensors are also split or re-ordered, are with their readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_MARKS = re.compile(r"[#*]")
_PIECES = re.compile(r"([#*])")
_PATTERNS = {"#": r"(\d+)", "*": "(.+)"}


@dataclass(frozen=True)
class KeyTable:
    """Rules between a checkpoint's parameter names and ours; the first that fits counts."""

    rules: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        for theirs, ours in self.rules:
            if _MARKS.findall(theirs) != _MARKS.findall(ours):
                raise ValueError(f"the two sides of a rule need the same marks: {theirs}, {ours}")

    def ours(self, theirs: str) -> str | None:
        """Our name for a checkpoint's, or None where the table has no rule for it."""
        return _rename(theirs, self.rules)

    def theirs(self, ours: str) -> str | None:
        """The checkpoint's name for ours, or None where the table has no rule for it."""
        return _rename(ours, ((new, old) for old, new in self.rules))


def _rename(name: str, rules: Iterable[tuple[str, str]]) -> str | None:
    for old, new in rules:
        pattern = "".join(_PATTERNS.get(piece, re.escape(piece)) for piece in _PIECES.split(old))
        match = re.fullmatch(pattern, name)
        if match:
            return _MARKS.sub("{}", new).format(*match.groups())
    return None


SAME: Final = KeyTable((("*", "*"),))
"""Names that need no change: nano's own files, Qwen2 and Llama decoders, flow.pt."""

MINI_DECODER: Final = KeyTable((("model.*", "model.*"), ("lm_head.*", "lm_head.*")))
"""The LLM among the 832 tensors of the mini checkpoint (reference facts 1.3): Qwen2's names."""
MINI_ENCODER: Final = KeyTable((("encoder.*", "*"),))
"""Its audio encoder."""
MINI_ADAPTOR: Final = KeyTable((("adapter.*", "*"),))
"""Its adaptor."""
MINI_VOCODER: Final = KeyTable((("generator.*", "*"), ("*", "*")))
"""hift.pt; the prefix may be there or not (reference facts 6.5)."""
MINI_SPEECH_TOKENIZER: Final = KeyTable(
    (("encoder.*", "encoder.*"), ("quantizer._codebook.project_down.*", "quantizer.project_down.*"))
)
"""The S3 v2 tokenizer converted from ONNX (reference facts 7)."""

_WHISPER_BLOCK: Final = (
    ("self_attn.q_proj", "attn.query"),
    ("self_attn.k_proj", "attn.key"),
    ("self_attn.v_proj", "attn.value"),
    ("self_attn.out_proj", "attn.out"),
    ("self_attn_layer_norm", "attn_ln"),
    ("encoder_attn.q_proj", "cross_attn.query"),
    ("encoder_attn.k_proj", "cross_attn.key"),
    ("encoder_attn.v_proj", "cross_attn.value"),
    ("encoder_attn.out_proj", "cross_attn.out"),
    ("encoder_attn_layer_norm", "cross_attn_ln"),
    ("fc1", "mlp.0"),
    ("fc2", "mlp.2"),
    ("final_layer_norm", "mlp_ln"),
)


def _blocks(prefix: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"{prefix}.layers.#.{theirs}.*", f"blocks.#.{ours}.*") for theirs, ours in _WHISPER_BLOCK)


WHISPER_ENCODER: Final = KeyTable(
    (
        ("model.encoder.conv#.*", "conv#.*"),
        ("model.encoder.embed_positions.*", "positional_embedding.*"),
        ("model.encoder.layer_norm.*", "after_norm.*"),
        *_blocks("model.encoder"),
    )
)
"""The encoder of a Hugging Face Whisper checkpoint, for `models.encoder`."""
WHISPER_DECODER: Final = KeyTable(
    (
        ("model.decoder.embed_tokens.*", "token_embedding.*"),
        ("model.decoder.embed_positions.weight", "positional_embedding"),
        ("model.decoder.layer_norm.*", "ln.*"),
        *_blocks("model.decoder"),
    )
)
"""Its decoder, for `models.whisper_decoder`; the head is the token embedding."""
