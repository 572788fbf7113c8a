"""Folders as `transformers` writes them, read into our modules with equal results."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM
from transformers import WhisperForConditionalGeneration as Whisper

from stepwave.checkpoints.hugging_face import decoder_config, read_decoder, read_whisper_folder
from stepwave.facts.errors import CheckpointError, CheckpointIncompleteError, ConfigError
from stepwave.models.decoder import Decoder
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.models.whisper_decoder import WhisperDecoder, WhisperDecoderConfig

from .tiny_whisper import tiny_whisper

SIZES: dict[str, Any] = dict(
    vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64,
)  # fmt: skip


@pytest.fixture(params=["qwen2", "llama", "tied llama"])
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    if request.param == "qwen2":
        made: Any = Qwen2ForCausalLM(Qwen2Config(**SIZES))
        for name, parameter in made.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter)
        return made.eval()
    return LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings="tied" in request.param)).eval()


def test_a_decoder_gives_the_same_logits(tmp_path: Path, model: Any) -> None:
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    config, state = read_decoder(tmp_path)
    decoder = Decoder(config)
    decoder.load_state_dict(state, strict=True)
    ids = torch.arange(9)[None]
    with torch.no_grad():
        ours, theirs = decoder.head(decoder(decoder.embed(ids))), model(ids).logits
    assert torch.allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_tied_head_that_is_stored_twice(tmp_path: Path) -> None:
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=True)).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = load_file(path)
    save_file(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}, path)
    assert "lm_head.weight" not in read_decoder(tmp_path)[1]
    save_file(tensors | {"score.weight": torch.zeros(1)}, path)
    with pytest.raises(CheckpointIncompleteError, match=r"no part of this model: score\.weight"):
        read_decoder(tmp_path)
    save_file({name: tensor for name, tensor in tensors.items() if name != "model.norm.weight"}, path)
    with pytest.raises(CheckpointIncompleteError, match=r"lacks 1 of .* model\.norm\.weight"):
        read_decoder(tmp_path)


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"model_type": "mamba"}, CheckpointError, "'mamba'"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 5.0}}, ConfigError, "rope_scaling"),
        ({"attention_bias": True}, ConfigError, "attention_bias"),
        ({"hidden_act": "gelu"}, ConfigError, "hidden_act"),
        ({"rms_norm_eps": None}, ConfigError, "rms_norm_eps"),
    ],
)
def test_what_our_decoder_does_not_do(
    tmp_path: Path, changes: dict[str, Any], error: type[Exception], told: str
) -> None:
    values = LlamaConfig(**SIZES).to_dict() | changes
    (tmp_path / "config.json").write_text(
        json.dumps({key: value for key, value in values.items() if value is not None})
    )
    with pytest.raises(error, match=told):
        decoder_config(tmp_path)


@pytest.fixture
def whisper() -> Whisper:
    return tiny_whisper()


def test_a_whisper_folder(tmp_path: Path, whisper: Whisper) -> None:
    whisper.save_pretrained(tmp_path)
    weights = read_whisper_folder(tmp_path)
    AudioEncoder(EncoderConfig(bands=8, width=16, heads=2, layers=2, positions=20)).load_state_dict(weights.encoder)
    decoder = WhisperDecoder(WhisperDecoderConfig(vocabulary=50, width=16, heads=2, layers=2, positions=12))
    decoder.load_state_dict(weights.decoder)
    theirs = whisper.state_dict()["model.decoder.layers.1.encoder_attn.v_proj.bias"]
    assert torch.equal(weights.decoder["blocks.1.cross_attn.value.bias"], theirs)


def test_what_is_no_whisper(tmp_path: Path, whisper: Whisper) -> None:
    whisper.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    save_file(load_file(path) | {"model.encoder.surplus": torch.zeros(1)}, path)
    with pytest.raises(CheckpointIncompleteError, match=r"holds model\.encoder\.surplus"):
        read_whisper_folder(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(CheckpointError, match="'llama'; wanted whisper"):
        read_whisper_folder(tmp_path)
