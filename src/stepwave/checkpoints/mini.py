"""The released layout, `stepfun-ai/Step-Audio-2-mini` and its siblings: what a folder must hold, and its configuration.

832 tensors of LLM, encoder and adaptor in the model's shards (reference facts 1.3); flow, vocoder and speech tokenizer
in `token2wav`, as `stepwave models convert` leaves them. Names differ from ours by the prefixes in `keys`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stepwave.checkpoints.config_files import read_json
from stepwave.checkpoints.convert import FOLDER, SPEECH_TOKENIZER
from stepwave.checkpoints.keys import (
    MINI_ADAPTOR,
    MINI_DECODER,
    MINI_ENCODER,
    MINI_SPEECH_TOKENIZER,
    MINI_VOCODER,
)
from stepwave.checkpoints.plan import PartPlan
from stepwave.facts.errors import CheckpointError, ConfigError
from stepwave.models.adaptor import MINI_ADAPTOR as ADAPTOR_SIZES
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.encoder import MINI_ENCODER as ENCODER_SIZES
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.models.flow import FlowConfig, FlowMatching
from stepwave.models.speech_tokenizer import SpeechTokenizer, SpeechTokenizerConfig
from stepwave.models.vocoder import Vocoder, VocoderConfig

MODEL_TYPE: Final = "step_audio_2"
MODEL_TENSORS: Final = 832
FLOW_TENSORS: Final = 605
VOCODER_TENSORS: Final = 328
SPEECH_TOKENIZER_TENSORS: Final = 102

_TEXT_KEYS: Final = {
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_attention_groups",
    "num_key_value_heads", "vocab_size", "max_seq_len", "max_position_embeddings", "rope_theta", "rope_scaling",
    "rms_norm_eps", "eos_token_id", "pad_token_id", "torch_dtype", "model_type",
}  # fmt: skip
_AUDIO_KEYS: Final = {
    "n_mels", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer", "n_codebook_size", "llm_dim",
    "kernel_size", "adapter_stride", "model_type",
}  # fmt: skip


@dataclass(frozen=True)
class MiniConfig:
    """Sizes of every part; the defaults are the released ones. `token2wav` has no configuration that is read: its YAML
    builds Python objects, so the sizes of the last three are known facts (reference facts 6.2, 6.5, 7)."""

    encoder: EncoderConfig = ENCODER_SIZES
    """Audio encoder."""
    adaptor: AdaptorConfig = ADAPTOR_SIZES
    """Adaptor."""
    decoder: DecoderConfig = field(default_factory=DecoderConfig.mini)
    """Language model."""
    speech_tokenizer: SpeechTokenizerConfig = field(default_factory=SpeechTokenizerConfig)
    """S3 v2 tokenizer."""
    flow: FlowConfig = field(default_factory=FlowConfig.mini)
    """Flow matching."""
    vocoder: VocoderConfig = field(default_factory=VocoderConfig)
    """Vocoder."""


def is_released(folder: Path) -> bool:
    """Whether the folder's `config.json` is of the released kind."""
    return read_json(folder / "config.json").get("model_type") == MODEL_TYPE


def read_mini_config(folder: Path, base: MiniConfig | None = None) -> MiniConfig:
    """Read the sizes of encoder, adaptor and decoder from the released `config.json` (reference facts 1.2).

    Args:
        folder: the model's folder.
        base: where the sizes come from that the file does not hold; None for the released ones.

    Raises:
        CheckpointNotFoundError: there is no `config.json`.
        CheckpointError: it belongs to another kind of model.
        ConfigError: it lacks a key, has one that is not known, or asks for what the released models don't do.
    """
    path = folder / "config.json"
    values = read_json(path)
    if values.get("model_type") != MODEL_TYPE:
        raise CheckpointError(f"{path} is of model type {values.get('model_type')!r}; wanted {MODEL_TYPE!r}")
    base = base or MiniConfig()
    text, audio = (_section(values, name, path, known) for name, known in
                   (("text_config", _TEXT_KEYS), ("audio_encoder_config", _AUDIO_KEYS)))  # fmt: skip
    try:
        fixed = [
            ("text_config, rope_scaling", text.get("rope_scaling"), None),
            ("audio_encoder_config, kernel_size", audio["kernel_size"], 3),
            ("audio_encoder_config, adapter_stride", audio["adapter_stride"], 2),
            ("audio_encoder_config, llm_dim", audio["llm_dim"], text["hidden_size"]),
        ]
        for where, came, wanted in fixed:
            if came != wanted:
                raise ConfigError(f"{path}, {where} is {came!r}; only {wanted!r} is supported")
        encoder = EncoderConfig(
            bands=audio["n_mels"],
            width=audio["n_audio_state"],
            heads=audio["n_audio_head"],
            layers=audio["n_audio_layer"],
            positions=audio["n_audio_ctx"],
        )
        decoder = DecoderConfig(
            vocab_size=text["vocab_size"],
            hidden_size=text["hidden_size"],
            intermediate_size=text["intermediate_size"],
            layers=text["num_hidden_layers"],
            heads=text["num_attention_heads"],
            kv_heads=text["num_attention_groups"],
            head_dim=text["hidden_size"] // text["num_attention_heads"],
            rope_theta=float(text["rope_theta"]),
            norm_eps=text["rms_norm_eps"],
            max_positions=text["max_position_embeddings"],
        )
    except KeyError as error:
        raise ConfigError(f"{path} lacks the key {error}; fetch the model's own config.json") from None
    adaptor = AdaptorConfig(width=encoder.width, hidden=base.adaptor.hidden, llm_width=decoder.hidden_size)
    return MiniConfig(encoder, adaptor, decoder, base.speech_tokenizer, base.flow, base.vocoder)


def _section(values: Mapping[str, Any], name: str, path: Path, known: set[str]) -> dict[str, Any]:
    section = values.get(name)
    if not isinstance(section, dict):
        raise ConfigError(f"{path} has no object {name}; fetch the model's own config.json")
    unknown = sorted(section.keys() - known)
    if unknown:
        raise ConfigError(f"{path}, {name}: unknown keys {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    return section


def mini_plans(folder: Path, config: MiniConfig | None = None) -> list[PartPlan]:
    """What a released folder should hold.

    Args:
        folder: the model's folder.
        config: sizes; None reads `config.json` and takes the released sizes for the rest.
    """
    sizes = config or read_mini_config(folder)
    model, sound = folder / "model", folder / FOLDER
    return [
        PartPlan("decoder", model, lambda: Decoder(sizes.decoder), MINI_DECODER),
        PartPlan("encoder", model, lambda: AudioEncoder(sizes.encoder), MINI_ENCODER),
        PartPlan("adaptor", model, lambda: Adaptor(sizes.adaptor), MINI_ADAPTOR),
        PartPlan("flow", sound / "flow", lambda: FlowMatching(sizes.flow)),
        PartPlan("vocoder", sound / "hift", lambda: Vocoder(sizes.vocoder), MINI_VOCODER),
        PartPlan(
            "speech_tokenizer",
            sound / SPEECH_TOKENIZER,
            lambda: SpeechTokenizer(sizes.speech_tokenizer),
            MINI_SPEECH_TOKENIZER,
        ),
    ]
