"""A random checkpoint in the released layout and names: full depth, tiny width."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stepwave.checkpoints.mini import MiniConfig, mini_plans
from stepwave.checkpoints.storage import write_tensors
from stepwave.models.adaptor import AdaptorConfig
from stepwave.models.decoder import DecoderConfig
from stepwave.models.encoder import EncoderConfig
from stepwave.models.flow import FlowConfig
from stepwave.models.speech_tokenizer import SpeechTokenizerConfig
from stepwave.models.vocoder import VocoderConfig

TINY = MiniConfig(
    encoder=EncoderConfig(bands=8, width=8, heads=2, layers=32, positions=20),
    adaptor=AdaptorConfig(width=8, hidden=12, llm_width=16),
    decoder=DecoderConfig(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=24,
        layers=28,
        heads=4,
        kv_heads=2,
        head_dim=4,
        max_positions=128,
    ),
    speech_tokenizer=SpeechTokenizerConfig(bands=8, width=16, heads=2, layers=6),
    flow=FlowConfig(encoder_width=16, encoder_heads=2, encoder_hidden=24, width=16, heads=2, head_size=8),
    vocoder=VocoderConfig(base_channels=16, f0_channels=8),
)
TOKEN2WAV = ("flow", "vocoder", "speech_tokenizer")


def config_json() -> dict[str, Any]:
    text, audio = TINY.decoder, TINY.encoder
    return {
        "architectures": ["StepAudio2ForCausalLM"],
        "model_type": "step_audio_2",
        "text_config": {
            "model_type": "step_audio_2_text", "hidden_size": text.hidden_size, "vocab_size": text.vocab_size,
            "intermediate_size": text.intermediate_size, "num_hidden_layers": text.layers, "rope_theta": 1000000,
            "num_attention_heads": text.heads, "num_attention_groups": text.kv_heads, "rope_scaling": None,
            "num_key_value_heads": text.kv_heads, "max_seq_len": 128, "max_position_embeddings": 128,
            "rms_norm_eps": 1e-6, "eos_token_id": 151643, "pad_token_id": 151643, "torch_dtype": "bfloat16",
        },
        "audio_encoder_config": {
            "model_type": "step_audio_2_encoder", "n_mels": audio.bands, "n_audio_ctx": audio.positions,
            "n_audio_state": audio.width, "n_audio_head": audio.heads, "n_audio_layer": audio.layers,
            "n_codebook_size": 4096, "llm_dim": text.hidden_size, "kernel_size": 3, "adapter_stride": 2,
        },
    }  # fmt: skip


def write_released(folder: Path) -> dict[str, nn.Module]:
    """Write the folder; the modules whose weights it holds are returned by part."""
    torch.manual_seed(0)
    (folder / "config.json").write_text(json.dumps(config_json()))
    (folder / "token2wav").mkdir()
    plans = {plan.name: plan for plan in mini_plans(folder, TINY)}
    modules = {name: plan.build().eval() for name, plan in plans.items()}
    stores: dict[Path, dict[str, torch.Tensor]] = {}
    for name, module in modules.items():
        dtype = torch.float32 if name in TOKEN2WAV else torch.bfloat16
        store = stores.setdefault(plans[name].stem, {})
        for key, tensor in module.state_dict().items():
            store[plans[name].keys.theirs(key) or ""] = tensor.to(dtype)
    for stem, tensors in stores.items():
        write_tensors(stem, tensors, shard_bytes=40_000 if stem.name == "model" else 1 << 40)
    return modules
