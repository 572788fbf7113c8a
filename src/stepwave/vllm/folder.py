"""A folder that vLLM opens, made of a model's folder: its language model, encoder and adaptor, and a chat template.

    config.json                  sizes, ids of special tokens
    generation_config.json       what ends an answer, how tokens are chosen unless a request says otherwise
    model*.safetensors           the three parts under the released names (reference facts 1.3)
    tokenizer.json, tokenizer_config.json, chat_template.jinja

Voices, flow matching and vocoder stay where they are: whoever makes sound of the speech tokens reads them there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from torch import Tensor, nn

from stepwave.checkpoints.config_files import to_json, write_json
from stepwave.checkpoints.keys import MINI_ADAPTOR, MINI_DECODER, MINI_ENCODER
from stepwave.checkpoints.layouts import Layout, load_modules, load_tokenizer
from stepwave.checkpoints.released_tokenizer import read_released_tokenizer
from stepwave.checkpoints.storage import stored, write_tensors
from stepwave.dialogue.profile import Profile, read_profile
from stepwave.facts.errors import ConfigError
from stepwave.facts.tokens import NAMES, SpecialTokens
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.signal.atomic import new_folder, replace_file
from stepwave.vllm.names import ARCHITECTURE, MODEL_TYPE

TEMPLATE: Final = "chat_template.jinja"
SHARD_BYTES: Final = 2_000_000_000
"""Largest sum of tensors in one file."""
KEYS: Final = {"encoder": MINI_ENCODER, "adaptor": MINI_ADAPTOR, "decoder": MINI_DECODER}
"""Part to the names of its tensors in the folder."""


def write_folder(
    layout: Layout, folder: Path, storage: Literal["bfloat16", "float32"] = "bfloat16", *, replace: bool = False
) -> None:
    """Write what vLLM needs of a model, whole or not at all.

    Args:
        layout: a model's folder, ours or the released one.
        folder: where to write.
        storage: the type of the weights, and what vLLM computes in unless told otherwise. What the model stores in
            8 bits is multiplied out first.
        replace: whether a folder that is there may be replaced.

    Raises:
        CheckpointError, TokenizerError, ConfigError: the model can't be read.
        OutputError: the disk is full, writing is not allowed, or something is there already.
    """
    if folder.resolve() == layout.folder.resolve():
        raise ConfigError(f"{folder} is the model itself, which is only read; name another folder")
    modules = load_modules(layout, tuple(KEYS))
    special = load_tokenizer(layout).special
    with new_folder(folder, replace=replace) as unfinished:
        tensors: dict[str, Tensor] = {}
        for name, keys in KEYS.items():
            state = stored(modules[name].state_dict(), storage)
            tensors |= {str(keys.theirs(ours)): tensor for ours, tensor in state.items()}
        write_tensors(unfinished / "model", tensors, SHARD_BYTES)
        profile = read_profile(layout)
        write_json(unfinished / "config.json", _config(modules, special, profile, storage))
        write_json(unfinished / "generation_config.json", _generation_config(special, profile))
        replace_file(unfinished / "tokenizer.json", read_released_tokenizer(layout.folder).to_str().encode())
        write_json(unfinished / "tokenizer_config.json", _tokenizer_config())
        replace_file(unfinished / TEMPLATE, Path(__file__).with_name(TEMPLATE).read_bytes())


def _config(modules: dict[str, nn.Module], special: SpecialTokens, profile: Profile, storage: str) -> dict[str, Any]:
    decoder = modules["decoder"]
    assert isinstance(decoder, Decoder)
    text = _text_config(decoder.config) | {"eos_token_id": special.eot, "dtype": storage}
    return {
        "architectures": [ARCHITECTURE],
        "model_type": MODEL_TYPE,
        "dtype": storage,
        "tie_word_embeddings": decoder.config.tied,
        "text_config": text,
        "encoder": to_json(modules["encoder"].config),
        "adaptor": to_json(modules["adaptor"].config),
        "special": to_json(special),
        "longest_recording_seconds": profile.longest_question_seconds,
    }


def _text_config(config: DecoderConfig) -> dict[str, Any]:
    """The decoder's sizes in Hugging Face's words: Qwen2 has biases on query, key and value, Llama has none."""
    return {
        "model_type": "qwen2" if config.qkv_bias else "llama",
        "architectures": ["Qwen2ForCausalLM" if config.qkv_bias else "LlamaForCausalLM"],
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "rms_norm_eps": config.norm_eps,
        "hidden_act": "silu",
        "max_position_embeddings": config.max_positions,
        "tie_word_embeddings": config.tied,
    }


def _generation_config(special: SpecialTokens, profile: Profile) -> dict[str, Any]:
    """vLLM draws text and speech alike, so the settings are those of speech, of which there is more."""
    speech = profile.speech
    return {
        "eos_token_id": [special.eot, special.end_of_text],
        "pad_token_id": special.end_of_text,
        "do_sample": speech.temperature > 0,
        "temperature": speech.temperature,
        "top_p": speech.top_p,
        "repetition_penalty": speech.repetition_penalty,
    }


def _tokenizer_config() -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": NAMES["eot"],
        "pad_token": NAMES["end_of_text"],
        "clean_up_tokenization_spaces": False,
    }
