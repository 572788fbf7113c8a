"""The vocoder's shapes, look-ahead, gradients and determinism, at tiny sizes."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from stepwave.facts.errors import ConfigError
from stepwave.models.vocoder import Vocoder, VocoderConfig
from stepwave.models.vocoder_layers import StreamState
from stepwave.models.vocoder_source import HarmonicSource, positioned_noise

SMALL = {
    "mini": dataclasses.replace(VocoderConfig.mini(), base_channels=16, f0_channels=8),
    "nano": dataclasses.replace(VocoderConfig.nano(), base_channels=16, f0_channels=8),
}


def small_vocoder(name: str) -> Vocoder:
    torch.manual_seed(5)
    return Vocoder(SMALL[name]).eval().requires_grad_(False)


def source_alone(**changes: float) -> HarmonicSource:
    settings = {"amplitude": 0.1, "voiced_noise": 0.003, "voiced_above": 10.0, **changes}
    torch.manual_seed(1)
    return HarmonicSource(9, 480, 24_000, **settings).requires_grad_(False)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("frames", [1, 2, 17])
def test_a_frame_becomes_480_samples(name: str, frames: int) -> None:
    vocoder = small_vocoder(name)
    mel = torch.randn(2, 80, frames)
    assert vocoder.f0(mel).shape == (2, frames)
    samples = vocoder(mel)
    assert samples.shape == (2, 480 * frames)
    assert float(samples.abs().max()) < 0.99001


def test_nano_is_small() -> None:
    parameters = sum(p.numel() for p in Vocoder(VocoderConfig.nano()).parameters())
    assert 1_000_000 < parameters < 3_000_000


def test_nano_sees_a_fixed_few_frames_ahead() -> None:
    vocoder = small_vocoder("nano")
    mel = torch.randn(1, 80, 30)
    changed = mel.clone()
    changed[..., 20:] += 1.0
    difference = (vocoder(mel) - vocoder(changed))[0].abs()
    first = int(torch.nonzero(difference > 1e-6)[0])
    assert 15 * 480 < first < 17 * 480
    assert float(difference[:first].max()) <= 1e-6


@pytest.mark.parametrize("name", SMALL)
def test_one_training_pass_reaches_every_parameter(name: str) -> None:
    vocoder = small_vocoder(name).requires_grad_(True)
    samples, f0 = vocoder.waveform_and_f0(torch.randn(2, 80, 6), torch.full((2, 6), 180.0))
    (samples.square().mean() + f0.mean()).backward()
    without = [key for key, p in vocoder.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


def test_f0_is_not_moved_through_the_source() -> None:
    vocoder = small_vocoder("nano").requires_grad_(True)
    samples, _ = vocoder.waveform_and_f0(torch.randn(1, 80, 6))
    samples.square().mean().backward()
    assert vocoder.f0_predictor.classifier.weight.grad is None
    assert vocoder.m_source.l_linear.weight.grad is not None


@pytest.mark.parametrize("name", SMALL)
def test_removing_the_weight_norms_changes_nothing(name: str) -> None:
    vocoder = small_vocoder(name)
    mel = torch.randn(1, 80, 9)
    before = vocoder(mel)
    vocoder.remove_weight_norm()
    assert not any("parametrizations" in key for key in vocoder.state_dict())
    torch.testing.assert_close(vocoder(mel), before, atol=1e-5, rtol=0)


def test_the_same_seed_gives_the_same_samples() -> None:
    vocoder = small_vocoder("nano")
    mel = torch.randn(1, 80, 9)
    assert torch.equal(vocoder(mel, seed=3), vocoder(mel, seed=3))
    assert not torch.equal(vocoder(mel, seed=3), vocoder(mel, seed=4))


def test_noise_depends_on_position_alone() -> None:
    whole = positioned_noise(7, 0, 20_000)
    assert torch.equal(positioned_noise(7, 4_700, 300), whole[4_700:5_000])
    assert torch.equal(positioned_noise(7, 9_600, 4_800), whole[9_600:14_400])
    assert positioned_noise(7, 123, 0).shape == (0,)
    assert abs(float(whole.mean())) < 0.03
    assert abs(float(whole.std()) - 1) < 0.03


def test_both_source_forms_agree_where_float32_is_precise() -> None:
    source = source_alone()
    f0 = torch.rand(2, 12) * 300 + 20
    noise = torch.randn(2, 12 * 480, 9)
    torch.testing.assert_close(source(f0, noise), source.released(f0, noise), atol=1e-3, rtol=0)


def test_phase_is_exact_after_a_minute() -> None:
    source = source_alone(voiced_noise=0.0)
    source.l_linear.weight.copy_(torch.eye(1, 9))
    source.l_linear.bias.zero_()
    hertz, frames = 123.4, 3000
    samples = torch.atanh(source(torch.full((1, frames), hertz), torch.zeros(1, 480 * frames, 1)))[0, 0]
    # The first frame's centre (sample 239.5) has passed one frame's worth of cycles, as in the released formula.
    time = (torch.arange(480 * frames, dtype=torch.float64) - 239.5) / 24_000 + 480 / 24_000
    wanted = 0.1 * torch.sin(2 * math.pi * float(torch.tensor(hertz)) * time)
    inner = slice(240, -240)
    torch.testing.assert_close(samples[inner].double(), wanted[inner], atol=1e-5, rtol=0)


def test_one_draw_per_sample_has_the_spread_of_one_per_partial() -> None:
    source = source_alone()
    unvoiced = torch.zeros(1, 100)
    many = source(unvoiced, torch.randn(1, 48_000, 9)).std()
    one = source(unvoiced, torch.randn(1, 48_000, 1)).std()
    assert float(one / many) == pytest.approx(1, abs=0.03)


def test_a_voiced_stretch_does_not_depend_on_the_one_before() -> None:
    source = source_alone(voiced_noise=0.0)
    silence = torch.zeros(1, 480 * 9, 1)
    one = torch.tensor([[200.0, 210, 205, 0, 0, 150, 160, 170, 0]])
    other = torch.tensor([[90.0, 333, 120, 0, 0, 150, 160, 170, 0]])
    same = slice(5 * 480, 8 * 480)
    assert torch.equal(source(one, silence)[..., same], source(other, silence)[..., same])
    assert not torch.equal(source(one, silence)[..., :480], source(other, silence)[..., :480])


@pytest.mark.parametrize("cut", [1, 2, 4, 7])
def test_the_source_in_pieces_is_the_whole(cut: int) -> None:
    source = source_alone()
    f0 = torch.tensor([[120.0, 130, 0, 0, 110, 115, 4000, 240, 3, 99, 100, 101]])
    noise = torch.randn(1, 12 * 480, 1)
    state, position, pieces = StreamState(), 0, list[Tensor]()
    for start in range(0, 12, cut):
        state.final = start + cut >= 12
        piece = f0[:, start : start + cut]
        ready = source.ready_samples(piece.shape[1], state)
        pieces.append(source(piece, noise[:, position : position + ready], state))
        position += ready
        assert pieces[-1].shape == (1, 1, ready)
    torch.testing.assert_close(torch.cat(pieces, dim=-1), source(f0, noise), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hop": 5, "n_fft": 20}, "480"),
        ({"upsample_kernels": (16, 11, 6)}, "kernel 6"),
        ({"upsample_kernels": (30, 11, 7)}, "kernel 30"),
        ({"upsample_rates": (8, 15)}, "one entry per stage"),
        ({"resblock_kernels": (3, 4)}, "odd"),
        ({"n_fft": 8}, "n_fft 8"),
        ({"base_channels": 100}, "base_channels 100"),
        ({"look_ahead": 9}, "look_ahead 9"),
        ({"phase": "cosine"}, "cosine"),
        ({"f0_unit": 0.0}, "f0_unit"),
    ],
)
def test_a_bad_configuration_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        dataclasses.replace(VocoderConfig.mini(), **change)
