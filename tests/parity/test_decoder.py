"""Our decoder against Qwen2 and Llama in transformers, on tiny random weights in float32."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from stepwave.models.decoder import Decoder, DecoderConfig

IDS = torch.tensor([[3, 17, 200, 5, 5, 91, 0, 44, 130, 7]])


def reference_of(config: DecoderConfig) -> torch.nn.Module:
    sizes = {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "rms_norm_eps": config.norm_eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "max_position_embeddings": config.max_positions,
        "tie_word_embeddings": config.tied,
        "attn_implementation": "eager",
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    if config.qkv_bias:
        return Qwen2ForCausalLM(Qwen2Config(**sizes)).eval()
    return LlamaForCausalLM(LlamaConfig(**sizes)).eval()


@pytest.mark.parametrize("qwen", [True, False], ids=["qwen2", "llama"])
def test_logits_and_gradients_are_the_references(qwen: bool) -> None:
    torch.manual_seed(0)
    ours = Decoder(DecoderConfig.tiny(qwen=qwen))
    with torch.no_grad():
        for name, weight in ours.named_parameters():  # norms and biases must matter too
            if "norm" in name or name.endswith("bias"):
                weight.uniform_(0.3, 1.5)
    reference = reference_of(ours.config)
    missing, unexpected = reference.load_state_dict(ours.state_dict(), strict=False)
    assert not unexpected
    assert all(name == "lm_head.weight" for name in missing)
    reference.tie_weights()

    expected = reference(IDS).logits
    logits = ours.head(ours(ours.embed(IDS)))
    assert (logits - expected).abs().max() <= 1e-5 * expected.abs().max()

    logits.square().mean().backward()
    expected.square().mean().backward()
    wanted = dict(reference.named_parameters())
    for name, weight in ours.named_parameters():
        assert weight.grad is not None
        assert (weight.grad - wanted[name].grad).abs().max() <= 1e-4 * wanted[name].grad.abs().max(), name


def test_the_released_names_and_shapes_at_full_size() -> None:
    with torch.device("meta"):
        mini = Decoder(DecoderConfig.mini())
    shapes = {name: tuple(tensor.shape) for name, tensor in mini.state_dict().items()}
    assert len(shapes) == 339
    assert sum(tensor.numel() for tensor in mini.parameters()) == 7_663_326_720
    assert shapes["model.embed_tokens.weight"] == shapes["lm_head.weight"] == (158_720, 3584)
    assert shapes["model.layers.27.self_attn.k_proj.bias"] == (512,)
    assert shapes["model.layers.0.mlp.down_proj.weight"] == (3584, 18_944)
    assert "model.layers.0.self_attn.o_proj.bias" not in shapes


def test_nano_is_smollm2_with_more_rows() -> None:
    with torch.device("meta"):
        nano = Decoder(DecoderConfig.smollm2())
    assert "lm_head.weight" not in nano.state_dict()
    assert sum(tensor.numel() for tensor in nano.parameters()) == 134_515_008 + (55_744 - 49_152) * 576
