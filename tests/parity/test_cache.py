"""Our cache against transformers' own, step by step on the same tiny weights: a prompt, single tokens, a further
turn."""

import inspect

import pytest
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from stepwave.models.decoder import Decoder, DecoderConfig
from stepwave.models.fast_decoder import FastDecoder

SIZES = {
    "vocab_size": 256,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "attn_implementation": "eager",
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}


@torch.inference_mode()
@pytest.mark.parametrize("qwen", [True, False], ids=["qwen2", "llama"])
@pytest.mark.parametrize("fast", [False, True], ids=["plain", "fast"])
def test_each_step_on_the_cache_is_the_references(qwen: bool, fast: bool) -> None:
    torch.manual_seed(0)
    decoder = Decoder(DecoderConfig.tiny(qwen=qwen)).eval()
    sizes = SIZES | {
        "rms_norm_eps": decoder.config.norm_eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": decoder.config.rope_theta},
        "tie_word_embeddings": decoder.config.tied,
    }
    reference = Qwen2ForCausalLM(Qwen2Config(**sizes)) if qwen else LlamaForCausalLM(LlamaConfig(**sizes))
    reference.load_state_dict(decoder.state_dict(), strict=False)
    reference.tie_weights()
    reference.eval()

    ours = FastDecoder(decoder, torch.float32) if fast else decoder
    cache, theirs = ours.new_cache(rows=2, capacity=4), DynamicCache()
    ids = torch.randint(256, (2, 40), generator=torch.Generator().manual_seed(1))
    # transformers 5.24 renamed it.
    name = "cache" if "cache" in inspect.signature(reference.forward).parameters else "past_key_values"
    for part in ids.split([12, *[1] * 10, 18], dim=1):
        expected = reference(part, **{name: theirs}, use_cache=True).logits
        logits = ours.head(ours(ours.embed(part), cache=cache))
        assert (logits - expected).abs().max() <= 1e-5 * expected.abs().max()
