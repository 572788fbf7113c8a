"""Mel spectrograms against the public reference (golden files) and against Whisper's features in `transformers`."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import WhisperFeatureExtractor

from stepwave.signal.mel import log_mel, mel_bank, speech_mel

GOLDEN = Path(__file__).parent / "golden"
HEARD = load_file(GOLDEN / "mel128.safetensors")
SPOKEN = load_file(GOLDEN / "mel24k.safetensors")
TOLERANCE = 1e-4
"""Of the golden files: in bins far below the loudest, the rounding of different FFTs shows."""


def cases(tensors: dict[str, Tensor], start: str) -> list[str]:
    return sorted(name.removeprefix("in/") for name in tensors if name.startswith(f"in/{start}"))


def largest_difference(got: Tensor, wanted: Tensor) -> float:
    assert got.shape == wanted.shape
    return float((got - wanted).abs().max())


@pytest.mark.parametrize("case", cases(HEARD, "llm_"))
def test_encoder_mel_equals_the_reference(case: str) -> None:
    assert largest_difference(log_mel(HEARD[f"in/{case}"], 128), HEARD[f"out/{case}"]) < TOLERANCE


@pytest.mark.parametrize("case", cases(HEARD, "tok_"))
def test_tokenizer_mel_equals_the_reference(case: str) -> None:
    assert largest_difference(log_mel(HEARD[f"in/{case}"], 128, right_padding=0), HEARD[f"out/{case}"]) < TOLERANCE


@pytest.mark.parametrize("case", cases(SPOKEN, "wav_"))
def test_speech_mel_equals_the_reference(case: str) -> None:
    wanted = SPOKEN["out/" + case.replace("wav", "mel")].T
    assert largest_difference(speech_mel(SPOKEN[f"in/{case}"]), wanted) < TOLERANCE


def test_banks_equal_the_reference() -> None:
    assert largest_difference(mel_bank(16_000, 400, 128), HEARD["out/mel_bank_128"]) < 1e-8
    assert largest_difference(mel_bank(24_000, 1920, 80), SPOKEN["out/mel_bank_80"]) < 1e-8


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("samples", [1_000, 37_123])
def test_whisper_features_when_padded_to_30_seconds(bands: int, samples: int) -> None:
    generator = np.random.default_rng(samples)
    waveform = (0.2 * generator.standard_normal(samples)).astype(np.float32)
    waveform[samples // 2 :] *= 1e-3
    extractor = WhisperFeatureExtractor(feature_size=bands)
    wanted = torch.from_numpy(extractor(waveform, sampling_rate=16_000)["input_features"][0])

    got = log_mel(torch.from_numpy(waveform), bands, right_padding=480_000 - samples)

    assert largest_difference(got, wanted) < 1e-5
