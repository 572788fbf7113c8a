"""Streamed samples equal whole ones for any cutting, and streams keep their state to themselves."""

import dataclasses
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stepwave.models.vocoder import Vocoder, VocoderConfig
from stepwave.models.vocoder_spectrum import InverseSpectrum, Spectrum
from stepwave.models.vocoder_stream import ReleasedVocoderStream, VocoderStream

FRAMES = 61


def lively_mel() -> Tensor:
    return torch.randn(80, FRAMES, generator=torch.Generator().manual_seed(11)) * 2


def loud_vocoder(config: VocoderConfig) -> Vocoder:
    """Small, with random weights that make a lively signal (f0 on both sides of the voicing threshold)."""
    torch.manual_seed(3)
    vocoder = Vocoder(dataclasses.replace(config, base_channels=16, f0_channels=8)).eval().requires_grad_(False)
    vocoder.conv_post.parametrizations.weight.original0.mul_(6)
    vocoder.remove_weight_norm()
    classifier = vocoder.f0_predictor.classifier
    classifier.bias.fill_(100.0)
    raw = vocoder.f0(lively_mel()[None]) / config.f0_unit - 100
    scale = 60 / config.f0_unit / float(raw.std())
    classifier.weight.mul_(scale)
    classifier.bias.fill_(-scale * float(raw.mean()))
    return vocoder


VOCODERS = {"mini": loud_vocoder(VocoderConfig.mini()), "nano": loud_vocoder(VocoderConfig.nano())}


def streamed(vocoder: Vocoder, pieces: list[Tensor], seed: int = 0) -> Tensor:
    stream = VocoderStream(vocoder, seed)
    return torch.cat([*(stream.push(piece) for piece in pieces), stream.finish()])


@pytest.mark.parametrize("name", VOCODERS)
def test_the_signal_is_worth_comparing(name: str) -> None:
    vocoder, mel = VOCODERS[name], lively_mel()
    voiced = (vocoder.f0(mel[None]) > 10).float().mean()
    assert 0.2 < float(voiced) < 0.99
    assert 0.02 < float(vocoder(mel[None]).std()) < 0.9


@pytest.mark.parametrize("name", VOCODERS)
@pytest.mark.parametrize("size", [1, 2, 5, 20, 50, FRAMES])
def test_streamed_equals_whole(name: str, size: int) -> None:
    vocoder, mel = VOCODERS[name], lively_mel()
    torch.testing.assert_close(
        streamed(vocoder, list(mel.split(size, dim=1))), vocoder(mel[None])[0], atol=1e-4, rtol=0
    )


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(0, FRAMES), max_size=6), name=st.sampled_from(sorted(VOCODERS)), seed=st.integers(0, 9)
)
def test_streamed_equals_whole_for_any_cuts(cuts: list[int], name: str, seed: int) -> None:
    vocoder, mel = VOCODERS[name], lively_mel()
    edges = [0, *sorted(cuts), FRAMES]
    pieces = [mel[:, start:stop] for start, stop in pairwise(edges)]
    torch.testing.assert_close(streamed(vocoder, pieces, seed), vocoder(mel[None], seed)[0], atol=1e-4, rtol=0)


def test_long_speech_does_not_drift() -> None:
    vocoder = VOCODERS["nano"]
    mel = lively_mel().repeat(1, 50)[:, :3000]
    torch.testing.assert_close(streamed(vocoder, list(mel.split(250, dim=1))), vocoder(mel[None])[0], atol=1e-3, rtol=0)


def test_nano_answers_after_a_few_frames() -> None:
    stream, mel = VocoderStream(VOCODERS["nano"]), lively_mel()
    assert stream.push(mel[:, :10]).shape[0] >= 5 * 480
    assert stream.push(mel[:, 10:20]).shape == (4800,)


def test_streams_of_one_vocoder_do_not_mix() -> None:
    vocoder, mel = VOCODERS["mini"], lively_mel()
    other = mel.flip(1)
    first, second = VocoderStream(vocoder), VocoderStream(vocoder)
    pieces: tuple[list[Tensor], list[Tensor]] = ([], [])
    for start in range(0, FRAMES, 13):
        pieces[0].append(first.push(mel[:, start : start + 13]))
        pieces[1].append(second.push(other[:, start : start + 13]))
    for got, stream, whole in zip(pieces, (first, second), (mel, other), strict=True):
        torch.testing.assert_close(torch.cat([*got, stream.finish()]), vocoder(whole[None])[0], atol=1e-4, rtol=0)


def test_an_empty_stream_ends_empty_and_a_finished_one_stays_finished() -> None:
    stream = VocoderStream(VOCODERS["nano"])
    assert stream.push(torch.zeros(80, 0)).shape == (0,)
    assert stream.finish().shape == (0,)
    with pytest.raises(ValueError, match="finished"):
        stream.push(lively_mel())


@pytest.mark.parametrize("name", VOCODERS)
def test_the_released_stream_gives_every_sample_and_no_more(name: str) -> None:
    vocoder, mel = VOCODERS[name], lively_mel()
    stream = ReleasedVocoderStream(vocoder, torch.Generator().manual_seed(0))
    pieces = [stream.push(piece) for piece in mel.split(20, dim=1)]
    assert [len(piece) for piece in pieces] == [20 * 480 - 3840, 9600, 9600, 480]
    assert len(torch.cat([*pieces, stream.finish()])) == FRAMES * 480
    assert stream.finish().shape == (0,)


@pytest.mark.parametrize(("n_fft", "hop"), [(16, 4), (96, 24)])
@pytest.mark.parametrize("samples", [480, 4800])
def test_spectra_agree_with_torch(n_fft: int, hop: int, samples: int) -> None:
    torch.manual_seed(0)
    signal = torch.randn(2, samples)
    window = torch.hann_window(n_fft)
    wanted = torch.stft(signal, n_fft, hop, window=window, return_complex=True)
    got = Spectrum(n_fft, hop)(signal)
    torch.testing.assert_close(got, torch.cat([wanted.real, wanted.imag], dim=1), atol=1e-5, rtol=0)
    changed = wanted * torch.rand(wanted.shape)
    back = InverseSpectrum(n_fft, hop)(changed.real, changed.imag)
    torch.testing.assert_close(back, torch.istft(changed, n_fft, hop, window=window), atol=1e-5, rtol=0)
