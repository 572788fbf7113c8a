"""Mel spectrograms: shapes, batches, silence, gradients, and the inputs that are refused."""

import math

import pytest
import torch

from stepwave.facts.errors import AudioEmptyError, AudioTooShortError
from stepwave.facts.rates import mel_frames, speech_mel_frames_of_samples, valid_mel_frames
from stepwave.signal.mel import log_mel, log_mel_batch, mel_bank, speech_mel


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4_000])
def test_frames_are_those_the_rates_announce(bands: int, samples: int) -> None:
    assert log_mel(noise(samples), bands).shape == (bands, mel_frames(samples))


def test_silence_is_the_floor() -> None:
    assert torch.equal(log_mel(torch.zeros(3_000), 80), torch.full((80, mel_frames(3_000)), -1.5))


def test_a_tone_is_loudest_in_the_band_around_it() -> None:
    tone = 0.5 * torch.sin(2 * math.pi * 1_000 * torch.arange(16_000) / 16_000)
    band = int(log_mel(tone, 80)[:, 50].argmax())
    bins = mel_bank(16_000, 400, 80)[band].nonzero()
    assert bins.min() <= 1_000 / 40 <= bins.max()


def test_no_point_lies_more_than_eight_decades_below_the_loudest() -> None:
    mel = log_mel(torch.cat((noise(4_000), torch.zeros(4_000))), 128)
    assert float(mel.max() - mel.min()) == pytest.approx(2.0, abs=1e-6)


def test_a_batch_of_equal_lengths_equals_its_rows() -> None:
    waveforms = torch.stack([noise(1_234, 1), 10 * noise(1_234, 2)])
    together = log_mel(waveforms, 80)
    for row, waveform in zip(together, waveforms, strict=True):
        torch.testing.assert_close(row, log_mel(waveform, 80), rtol=0, atol=1e-6)


def test_a_batch_of_unequal_lengths_is_filled_with_zeros() -> None:
    pieces = [noise(1_600), noise(500), noise(1)]
    batch, lengths = log_mel_batch(pieces, 80)
    assert batch.shape == (3, 80, 12)
    assert lengths.tolist() == [valid_mel_frames(len(piece)) for piece in pieces] == [10, 4, 1]
    for row, piece in zip(batch, pieces, strict=True):
        frames = mel_frames(len(piece))
        assert torch.equal(row[:, :frames], log_mel(piece, 80))
        assert not row[:, frames:].any()


@pytest.mark.parametrize("samples", [721, 960, 24_001])
def test_speech_mel_has_fifty_frames_a_second(samples: int) -> None:
    assert speech_mel(noise(samples)).shape == (80, speech_mel_frames_of_samples(samples))


def test_speech_mel_of_a_batch_equals_its_rows_and_keeps_a_batch_of_one() -> None:
    waveforms = torch.stack([noise(2_000, 1), noise(2_000, 2)])
    together = speech_mel(waveforms)
    torch.testing.assert_close(together[1], speech_mel(waveforms[1]), rtol=0, atol=1e-5)
    assert speech_mel(waveforms[:1]).shape == (1, 80, 4)


def test_speech_mel_of_silence_is_near_its_floor_and_has_a_gradient() -> None:
    waveform = torch.zeros(2_000, requires_grad=True)
    mel = speech_mel(waveform)
    mel.sum().backward()
    assert float(mel.detach().max()) < -9.0
    assert waveform.grad is not None
    assert torch.isfinite(waveform.grad).all()


def test_a_bank_first_used_in_inference_mode_still_takes_gradients() -> None:
    with torch.inference_mode():
        log_mel(noise(500), 77)
    waveform = noise(500).requires_grad_()
    log_mel(waveform, 77).sum().backward()
    assert waveform.grad is not None


def test_half_precision_input_and_autocast_are_computed_in_float32() -> None:
    waveform = noise(2_000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(log_mel(waveform, 80), log_mel(waveform, 80).float())
        mel = log_mel(waveform, 80)
    assert mel.dtype == torch.float32
    assert torch.equal(mel, log_mel(waveform, 80))
    assert log_mel(waveform.half(), 80).dtype == torch.float32


def test_each_filter_has_area_one_in_hertz() -> None:
    fine = mel_bank(24_000, 48_000, 80)  # bins of half a hertz
    torch.testing.assert_close(fine.sum(dim=1) * 0.5, torch.ones(80), rtol=0, atol=1e-3)


def test_too_few_samples_are_refused_in_one_line() -> None:
    with pytest.raises(AudioEmptyError, match="0 samples"):
        log_mel(torch.zeros(0), 80)
    with pytest.raises(AudioTooShortError, match="has 200 samples; wanted at least 201"):
        log_mel(torch.zeros(200), 80, right_padding=0)
    assert log_mel(torch.zeros(201), 80, right_padding=0).shape == (80, 1)
    with pytest.raises(AudioTooShortError, match="has 720 samples; wanted at least 721"):
        speech_mel(torch.zeros(720))


def test_wrong_shapes_and_settings_are_slips() -> None:
    with pytest.raises(ValueError, match="waveform"):
        log_mel(torch.zeros(1, 1, 500), 80)
    with pytest.raises(ValueError, match="padding"):
        log_mel(torch.zeros(500), 80, right_padding=-1)
    with pytest.raises(ValueError, match="at least one piece"):
        log_mel_batch([], 80)
    with pytest.raises(ValueError, match="max_hertz"):
        mel_bank(8_000, 400, 80)
