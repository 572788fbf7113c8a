"""Encoder and adaptor against the public reference (golden file) and against Whisper's encoder in `transformers`."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from stepwave.models.adaptor import Adaptor, AdaptorConfig, adaptor_lengths
from stepwave.models.encoder import AudioEncoder, EncoderConfig

GOLDEN = Path(__file__).parent / "golden" / "encoder_adapter.safetensors"


def relative_error(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).abs().max() / wanted.abs().max())


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    return load_file(GOLDEN)


@pytest.fixture(scope="module")
def modules(golden: dict[str, Tensor]) -> tuple[AudioEncoder, Adaptor]:
    with safe_open(GOLDEN, "pt") as file:
        metadata = json.loads(file.metadata()["config"])
    sizes = metadata["audio_encoder_config"]
    encoder = AudioEncoder(
        EncoderConfig(
            bands=sizes["n_mels"],
            width=sizes["n_audio_state"],
            heads=sizes["n_audio_head"],
            layers=sizes["n_audio_layer"],
            positions=sizes["n_audio_ctx"],
        )
    )
    adaptor = Adaptor(AdaptorConfig(sizes["n_audio_state"], metadata["adapter_hidden"], sizes["llm_dim"]))
    for module, prefix in ((encoder, "w/encoder."), (adaptor, "w/adapter.")):
        module.load_state_dict({k.removeprefix(prefix): v for k, v in golden.items() if k.startswith(prefix)})
        module.eval()
    return encoder, adaptor


@pytest.mark.parametrize(
    "case", ["batch_even", "batch_odd", "batch_short", "single_even", "single_odd", "single_boundary"]
)
@torch.no_grad()
def test_reference_numbers(case: str, golden: dict[str, Tensor], modules: tuple[AudioEncoder, Adaptor]) -> None:
    encoder, adaptor = modules
    frames, lengths = encoder(golden[f"in/{case}/mel"], golden[f"in/{case}/lengths"])
    positions = adaptor(frames)
    assert relative_error(frames, golden[f"out/{case}/encoder"]) <= 1e-5
    assert relative_error(positions, golden[f"out/{case}/adapter"]) <= 1e-5
    assert lengths.tolist() == golden[f"out/{case}/encoder_lengths"].tolist()
    assert adaptor_lengths(lengths).tolist() == golden[f"out/{case}/adapter_lengths"].tolist()


@torch.no_grad()
def test_whisper_encoder_of_transformers() -> None:
    torch.manual_seed(0)
    layers, width, heads = 3, 32, 4
    theirs = WhisperEncoder(
        WhisperConfig(
            num_mel_bins=20,
            d_model=width,
            encoder_layers=layers,
            encoder_attention_heads=heads,
            encoder_ffn_dim=4 * width,
            max_source_positions=48,
        )
    ).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ours = AudioEncoder(EncoderConfig(bands=20, width=width, heads=heads, layers=layers, positions=48)).eval()
    ours.load_state_dict({our_name(name): value for name, value in theirs.state_dict().items()})
    mel = torch.randn(2, 20, 96)
    # transformers gives the states going into each block, and after the last block only the normed ones.
    expected = theirs(mel, output_hidden_states=True)
    assert relative_error(ours.hidden(mel, layers=2), expected.hidden_states[2]) <= 1e-5
    assert relative_error(ours.after_norm(ours.hidden(mel)), expected.last_hidden_state) <= 1e-5


def our_name(name: str) -> str:
    """The name here of one parameter of the encoder in `transformers`."""
    pairs = {
        "layers.": "blocks.",
        "self_attn_layer_norm": "attn_ln",
        "self_attn.q_proj": "attn.query",
        "self_attn.k_proj": "attn.key",
        "self_attn.v_proj": "attn.value",
        "self_attn.out_proj": "attn.out",
        "final_layer_norm": "mlp_ln",
        "fc1": "mlp.0",
        "fc2": "mlp.2",
        "embed_positions": "positional_embedding",
    }
    for theirs, ours in pairs.items():
        name = name.replace(theirs, ours)
    return name.replace("layer_norm", "after_norm")
