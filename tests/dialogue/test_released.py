"""A model in the released layout talks through the same objects as nano: nothing here asks which one it is."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stepwave.checkpoints.layouts import open_layout
from stepwave.checkpoints.mini import MiniConfig, mini_plans
from stepwave.checkpoints.storage import write_tensors
from stepwave.dialogue import engine as room
from stepwave.dialogue.engine import LocalEngine
from stepwave.dialogue.profile import RELEASED
from stepwave.dialogue.stepwave import Stepwave
from stepwave.models.adaptor import AdaptorConfig
from stepwave.models.decoder import DecoderConfig
from stepwave.models.encoder import EncoderConfig
from stepwave.models.fast_decoder import FastDecoder
from stepwave.models.flow import FlowConfig
from stepwave.models.speech_tokenizer import SpeechTokenizerConfig
from stepwave.models.vocoder import VocoderConfig
from stepwave.signal.files import Audio
from stepwave.signal.resample import Samples
from stepwave.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Tokenizer) -> LocalEngine:
    folder = tmp_path_factory.mktemp("released")
    text = replace(DecoderConfig.tiny(tiny_tokenizer.vocab_size + 8), max_positions=4096, norm_eps=1e-6)
    sizes = MiniConfig(
        encoder=EncoderConfig(bands=128, width=16, heads=2, layers=2, positions=1500),
        adaptor=AdaptorConfig(width=16, hidden=24, llm_width=text.hidden_size),
        decoder=text,
        speech_tokenizer=SpeechTokenizerConfig(width=16, heads=2, layers=1),
        flow=FlowConfig(
            encoder_width=16, encoder_heads=2, encoder_hidden=24, encoder_blocks=1, encoder_up_blocks=1, width=16,
            depth=1, heads=2, head_size=8, steps=2,
        ),
        vocoder=VocoderConfig(base_channels=16, f0_channels=8),
    )  # fmt: skip
    (folder / "config.json").write_text(
        json.dumps(
            {
                "model_type": "step_audio_2",
                "text_config": {
                    "hidden_size": text.hidden_size, "vocab_size": text.vocab_size, "rope_theta": text.rope_theta,
                    "intermediate_size": text.intermediate_size, "num_hidden_layers": text.layers,
                    "num_attention_heads": text.heads, "num_attention_groups": text.kv_heads,
                    "rms_norm_eps": text.norm_eps, "max_position_embeddings": text.max_positions,
                },
                "audio_encoder_config": {
                    "n_mels": 128, "n_audio_ctx": 1500, "n_audio_state": 16, "n_audio_head": 2, "n_audio_layer": 2,
                    "llm_dim": text.hidden_size, "kernel_size": 3, "adapter_stride": 2,
                },
            }
        )
    )  # fmt: skip
    (folder / "token2wav").mkdir()
    torch.manual_seed(0)
    stores: dict[Path, dict[str, torch.Tensor]] = {}
    for plan in mini_plans(folder, sizes):
        dtype = torch.float32 if plan.stem.parent.name == "token2wav" else torch.bfloat16
        for key, tensor in plan.build().state_dict().items():
            stores.setdefault(plan.stem, {})[plan.keys.theirs(key) or ""] = tensor.to(dtype)
    for stem, tensors in stores.items():
        write_tensors(stem, tensors)
    engine = LocalEngine(open_layout(folder, sizes), "cpu")
    # The released ids are those of a vocabulary of 158,352 tokens; the tiny one has its own.
    vars(engine)["tokenizer"] = tiny_tokenizer
    return engine


@pytest.fixture
def talker(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> Stepwave:
    monkeypatch.setattr(room, "CamPlus", lambda path: lambda features: features.mean(0)[:1].expand(192))
    return Stepwave(engine)


def test_it_answers_in_the_voice_of_a_recording(talker: Stepwave, question: Samples) -> None:
    assert talker.profile is RELEASED
    assert talker.voices == []
    clip = Audio((0.1 * np.random.default_rng(1).standard_normal(24_000)).astype(np.float32), 16_000)
    voice = talker.voice(clip)
    assert voice.prompt_codes.shape == (38,)
    assert voice.speaker.shape == (192,)
    reply = talker.reply(question, voice, max_seconds=1.0, seed=2)
    assert reply.seconds > 0
    assert reply.heard == talker.transcribe(question)


def test_it_answers_in_writing(talker: Stepwave, question: Samples) -> None:
    session = talker.session(seed=1)
    list(session.stream(question, text_only=True, max_seconds=0.5))
    assert talker.engine.tokenizer.special.tts_start not in session.ids


def test_weights_of_a_large_model_stay_as_they_are_stored(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch, question: Samples
) -> None:
    monkeypatch.setattr(room, "FUSED_PARAMETERS", 1000)
    large = LocalEngine(engine.layout, "cpu")
    vars(large)["tokenizer"] = engine.tokenizer
    assert not isinstance(large.language.decoder, FastDecoder)
    assert {parameter.dtype for parameter in large.language.parameters()} == {torch.bfloat16}
    assert isinstance(Stepwave(large).transcribe(question), str)
