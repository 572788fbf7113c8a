"""mini's shape in vLLM, tiny and random: Qwen2 with biases and a head of its own, an encoder with 128 bands."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from stepwave.checkpoints.layouts import open_layout
from stepwave.checkpoints.nano import save_part, save_tokenizer
from stepwave.facts.conversation import AudioPart, Message
from stepwave.generation.context import Context
from stepwave.generation.decode import DecodeSettings, decode
from stepwave.models.adaptor import Adaptor, AdaptorConfig
from stepwave.models.audio_language_model import AudioLanguageModel
from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.text.prompts import SPEAK
from stepwave.text.template import render
from stepwave.text.tokenizer import Tokenizer
from stepwave.vllm.folder import write_folder
from stepwave.vllm.prompts import token_prompt

from ..conftest import train_tiny_bpe

if find_spec("vllm") is None:
    pytest.skip("vLLM is not installed here; run make test-vllm", allow_module_level=True)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_a_qwen2_gives_the_same_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    encoder = AudioEncoder(EncoderConfig(bands=128, width=32, heads=2, layers=2))
    adaptor = Adaptor(AdaptorConfig(width=32, hidden=48, llm_width=128))
    # vLLM's attention takes heads of 32 dimensions and more
    config = DecoderConfig(
        vocab_size=7040, hidden_size=128, intermediate_size=192, layers=2, heads=4, kv_heads=2, head_dim=32,
        max_positions=1024, initializer_range=0.3,
    )  # fmt: skip
    decoder = Decoder(config)
    for name, bias in decoder.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(bias)  # fresh ones are zero and would not be missed
    save_tokenizer(tmp_path / "model", train_tiny_bpe())
    for part, module in (("encoder", encoder), ("adaptor", adaptor), ("decoder", decoder)):
        save_part(tmp_path / "model", part, module, "float32")
    write_folder(open_layout(tmp_path / "model"), tmp_path / "served", "float32")
    tokenizer = Tokenizer(tmp_path / "served")
    sound = np.random.default_rng(0).normal(0, 0.1, 30_000).astype(np.float32)
    prompt = render([Message("human", (AudioPart(sound),)), Message("assistant", SPEAK, eot=False)], tokenizer)
    context = Context(AudioLanguageModel(encoder, adaptor, decoder, tokenizer.special).eval())
    context.read(prompt)
    for _ in decode(context, tokenizer, DecodeSettings(max_tokens=60)):
        pass

    # See `test_served.py`.
    monkeypatch.setitem(os.environ, "VLLM_WORKER_MULTIPROCESSING_METHOD", "spawn")
    monkeypatch.setitem(os.environ, "VLLM_CPU_KVCACHE_SPACE", "1")
    from vllm import LLM, SamplingParams

    model = LLM(
        str(tmp_path / "served"), dtype="float32", enforce_eager=True, max_model_len=1024, max_num_seqs=2,
        max_num_batched_tokens=2048, logits_processors=["stepwave.vllm.pattern:SpokenPattern"],
    )  # fmt: skip
    settings = SamplingParams(temperature=0, max_tokens=60, detokenize=False)
    output = model.generate([token_prompt(prompt, tokenizer.special)], settings, use_tqdm=False)[0]
    model.llm_engine.engine_core.shutdown()
    assert list(output.prompt_token_ids) == prompt.ids
    assert list(output.outputs[0].token_ids) == context.ids[len(prompt.ids) :]
