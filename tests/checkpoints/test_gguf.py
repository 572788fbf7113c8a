"""The GGUF reader against a tiny Llama written by the `gguf` package, and on SmolLM2 where its package is installed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from stepwave.checkpoints.gguf import find_smollm2, half_rotation, hugging_face_name, read_llama
from stepwave.facts.errors import CheckpointError, CheckpointNotFoundError
from stepwave.models.decoder import Decoder, DecoderConfig

gguf = pytest.importorskip("gguf")

CONFIG = DecoderConfig(
    vocab_size=20, hidden_size=32, intermediate_size=64, layers=2, heads=4, kv_heads=2, head_dim=8,
    rope_theta=10_000.0, norm_eps=1e-5, qkv_bias=False, tied=True, max_positions=64,
)  # fmt: skip
LETTERS = list("abcdefghijklmnopqr")
TOKENS = ["<|endoftext|>", *LETTERS, "ab"]


def interleaved(weight: Tensor, heads: int) -> Tensor:
    """llama.cpp's order: the two halves of each head alternate."""
    first, second = weight.view(heads, 2, -1, weight.shape[1]).unbind(1)
    return torch.stack([first, second], dim=2).reshape(weight.shape)


def write(path: Path, state: dict[str, Tensor], quantise: bool = False) -> None:
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_embedding_length(CONFIG.hidden_size)
    writer.add_feed_forward_length(CONFIG.intermediate_size)
    writer.add_block_count(CONFIG.layers)
    writer.add_head_count(CONFIG.heads)
    writer.add_head_count_kv(CONFIG.kv_heads)
    writer.add_rope_freq_base(CONFIG.rope_theta)
    writer.add_layer_norm_rms_eps(CONFIG.norm_eps)
    writer.add_context_length(CONFIG.max_positions)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3] + [1] * (len(TOKENS) - 1))
    writer.add_token_merges(["a b"])
    renames = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "model.layers": "blk",
               "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
               "self_attn.o_proj": "attn_output",
               "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
               "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}  # fmt: skip
    for name, weight in state.items():
        if "q_proj" in name or "k_proj" in name:
            weight = interleaved(weight, CONFIG.heads if "q_proj" in name else CONFIG.kv_heads)
        for ours, theirs in renames.items():
            name = name.replace(ours, theirs)
        data = weight.numpy().copy()
        if quantise and data.ndim == 2:
            kind = gguf.GGMLQuantizationType.Q4_1
            writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return Decoder(CONFIG).state_dict()


def test_a_written_model_comes_back(tmp_path: Path, state: dict[str, Tensor]) -> None:
    write(tmp_path / "tiny.gguf", state)
    checkpoint = read_llama(tmp_path / "tiny.gguf")
    assert checkpoint.state.keys() == state.keys()
    assert all(torch.equal(checkpoint.state[name], state[name]) for name in state)
    shape = checkpoint.shape
    assert (shape.vocab_size, shape.layers, shape.kv_heads, shape.norm_eps) == (20, 2, 2, 1e-5)
    assert checkpoint.tokenizer.encode("abc").ids == [TOKENS.index("ab"), TOKENS.index("c")]
    assert checkpoint.tokenizer.encode("<|endoftext|>a").ids == [0, 1]


def test_quantised_weights_are_close(tmp_path: Path, state: dict[str, Tensor]) -> None:
    write(tmp_path / "tiny.gguf", state, quantise=True)
    checkpoint = read_llama(tmp_path / "tiny.gguf")
    for name, weight in state.items():
        # a block of 32 weights is stored in 16 levels: half a level is 1/30 of its range
        assert (checkpoint.state[name] - weight).abs().max() <= (weight.max() - weight.min()) / 28


def test_half_rotation_undoes_the_interleaving() -> None:
    weight = torch.arange(24 * 5).view(24, 5).float()
    assert torch.equal(half_rotation(interleaved(weight, 3), 3), weight)
    assert not torch.equal(interleaved(weight, 3), weight)


def test_names_of_other_models_are_refused() -> None:
    assert hugging_face_name("blk.12.ffn_down.weight") == "model.layers.12.mlp.down_proj.weight"
    with pytest.raises(CheckpointError, match="ssm_a"):
        hugging_face_name("blk.0.ssm_a")


def test_damaged_and_missing_files(tmp_path: Path, state: dict[str, Tensor]) -> None:
    write(tmp_path / "tiny.gguf", state)
    data = (tmp_path / "tiny.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="cut short"):
        read_llama(tmp_path / "cut.gguf")
    (tmp_path / "noise.gguf").write_bytes(np.random.default_rng(0).bytes(400))
    with pytest.raises(CheckpointError, match=r"noise\.gguf"):
        read_llama(tmp_path / "noise.gguf")
    with pytest.raises(CheckpointNotFoundError, match=r"absent\.gguf"):
        read_llama(tmp_path / "absent.gguf")


def test_smollm2_fits_our_decoder() -> None:
    try:
        find_smollm2()
    except CheckpointNotFoundError as missing:
        pytest.skip(str(missing))
    checkpoint = read_llama()
    Decoder(DecoderConfig.smollm2(vocab_size=49_152)).load_state_dict(checkpoint.state, strict=True)
    assert checkpoint.tokenizer.encode("<|im_start|>user\nIn 1984").ids[:3] == [1, 4093, 198]
