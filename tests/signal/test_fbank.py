"""Kaldi features against a plain frame-by-frame computation, and their known properties."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from stepwave.facts.errors import AudioTooShortError
from stepwave.signal.fbank import kaldi_fbank


def plain_fbank(waveform: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """One frame, one filter, one bin at a time, written from reference facts 6.1b in float64."""

    def mel(hertz: float) -> float:
        return 1127 * math.log(1 + hertz / 700)

    step = (mel(8000) - mel(20)) / 81
    rows = []
    for start in range(0, len(waveform) - 399, 160):
        frame = waveform[start : start + 400] - waveform[start : start + 400].mean()
        emphasised = [frame[i] - 0.97 * frame[max(i - 1, 0)] for i in range(400)]
        window = [(0.5 - 0.5 * math.cos(2 * math.pi * i / 399)) ** 0.85 for i in range(400)]
        power = np.abs(np.fft.rfft(np.array(emphasised) * window, 512)) ** 2
        row = []
        for band in range(80):
            left, centre, right = (mel(20) + (band + offset) * step for offset in range(3))
            energy = 0.0
            for index in range(256):
                at = mel(index * 16_000 / 512)
                if left < at < right:
                    weight = (at - left) / (centre - left) if at <= centre else (right - at) / (right - centre)
                    energy += weight * power[index]
            row.append(math.log(max(energy, 2.0**-23)))
        rows.append(row)
    return np.array(rows)


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def test_equals_the_plain_computation() -> None:
    waveform = noise(1_100) + 0.3
    wanted = plain_fbank(waveform.double().numpy())
    got = kaldi_fbank(waveform).numpy()
    assert got.shape == wanted.shape == (5, 80)
    assert np.abs(got - wanted).max() < 1e-3


@pytest.mark.parametrize(("samples", "frames"), [(400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_only_whole_frames_count(samples: int, frames: int) -> None:
    assert kaldi_fbank(noise(samples)).shape == (frames, 80)


def test_a_constant_is_silence_and_silence_is_the_floor() -> None:
    floor = math.log(2.0**-23)
    assert torch.allclose(kaldi_fbank(torch.zeros(800)), torch.full((3, 80), floor))
    assert torch.allclose(kaldi_fbank(torch.full((800,), 0.5)), torch.full((3, 80), floor))


def test_doubling_the_sound_adds_the_log_of_four() -> None:
    waveform = noise(2_000)
    difference = kaldi_fbank(2 * waveform) - kaldi_fbank(waveform)
    torch.testing.assert_close(difference, torch.full_like(difference, math.log(4)), rtol=0, atol=1e-4)


def test_a_batch_equals_its_rows() -> None:
    waveforms = torch.stack([noise(900, 1), noise(900, 2)])
    together = kaldi_fbank(waveforms)
    assert together.shape == (2, 4, 80)
    torch.testing.assert_close(together[1], kaldi_fbank(waveforms[1]), rtol=0, atol=1e-5)


def test_less_than_a_frame_is_refused() -> None:
    with pytest.raises(AudioTooShortError, match="has 399 samples; wanted at least 400"):
        kaldi_fbank(torch.zeros(399))
    with pytest.raises(ValueError, match="waveform"):
        kaldi_fbank(torch.zeros(1, 1, 400))
