"""The S3 v2 tokenizer against the public reference (golden files), in one piece and in windows."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from stepwave.models.speech_tokenizer import SpeechTokenizer, SpeechTokenizerConfig

GOLDEN = Path(__file__).parent / "golden"


def build(name: str) -> tuple[SpeechTokenizer, dict[str, Tensor]]:
    path = GOLDEN / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        sizes = json.loads(file.metadata()["config"])
    golden = load_file(path)
    tokenizer = SpeechTokenizer(
        SpeechTokenizerConfig(sizes["n_mels"], sizes["n_audio_state"], sizes["n_audio_head"], sizes["n_audio_layer"])
    )
    weights = {k.removeprefix("w/").replace("._codebook", ""): v for k, v in golden.items() if k.startswith("w/")}
    tokenizer.load_state_dict(weights)
    return tokenizer.eval(), golden


@pytest.mark.parametrize("case", ["batch", "single"])
@torch.no_grad()
def test_reference_numbers(case: str) -> None:
    tokenizer, golden = build("speech_tokenizer")
    mel, lengths = golden[f"in/{case}/mel"], golden[f"in/{case}/lengths"]
    hidden, hidden_lengths = tokenizer.encoder(mel, lengths)
    codes, code_lengths = tokenizer.encode(mel, lengths)
    wanted = golden[f"out/{case}/code_lengths"].tolist()
    assert hidden_lengths.tolist() == code_lengths.tolist() == wanted
    for row, count in enumerate(wanted):
        for got, name in ((hidden, "hidden"), (tokenizer.quantizer.bounded(hidden), "pre_round")):
            expected = golden[f"out/{case}/{name}"][row, :count]
            assert float((got[row, :count] - expected).abs().max() / expected.abs().max()) <= 1e-5
        assert codes[row, :count].tolist() == golden[f"out/{case}/codes"][row, :count].tolist()


@pytest.mark.parametrize("case", ["two_windows", "edge"])
def test_recordings_over_30_seconds(case: str) -> None:
    tokenizer, golden = build("speech_tokenizer_long")
    mel = golden[f"in/{case}/mel"]
    codes, lengths = tokenizer.encode(mel, torch.tensor([mel.shape[2]]))
    assert lengths.tolist() == [golden[f"out/{case}/codes"].shape[1]]
    assert codes.tolist() == golden[f"out/{case}/codes"].tolist()
