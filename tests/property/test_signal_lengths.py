"""Lengths of signals for any number of samples: what the rates announce is what comes."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwave.facts import rates
from stepwave.signal.fbank import kaldi_fbank
from stepwave.signal.mel import log_mel, log_mel_batch, speech_mel
from stepwave.signal.pieces import cut
from stepwave.signal.resample import StreamResampler, resample
from stepwave.signal.voice_activity import find_sound, trim


@given(samples=st.integers(1, 5_000))
@settings(max_examples=40, deadline=None)
def test_mel_frames(samples: int) -> None:
    mel, lengths = log_mel_batch([torch.zeros(samples)], 80)
    assert mel.shape[-1] == rates.mel_frames(samples)
    assert lengths.tolist() == [rates.valid_mel_frames(samples)]
    if samples > 200:
        assert log_mel(torch.zeros(samples), 80, right_padding=0).shape[-1] == rates.tokenizer_mel_frames(samples)


@given(samples=st.integers(721, 20_000))
@settings(max_examples=30, deadline=None)
def test_speech_mel_frames(samples: int) -> None:
    assert speech_mel(torch.zeros(samples)).shape == (80, rates.speech_mel_frames_of_samples(samples))


@given(samples=st.integers(400, 5_000))
@settings(max_examples=30, deadline=None)
def test_fbank_frames(samples: int) -> None:
    assert kaldi_fbank(torch.zeros(samples)).shape == (1 + (samples - 400) // 160, 80)


@given(samples=st.integers(1, 3_000), later=st.integers(0, 2_000), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_encoders_mel_of_a_piece_is_the_same_in_a_longer_silence(samples: int, later: int, seed: int) -> None:
    waveform = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    padded = torch.nn.functional.pad(waveform, (0, later))
    frames = rates.valid_mel_frames(samples)
    torch.testing.assert_close(log_mel(padded, 80)[:, :frames], log_mel(waveform, 80)[:, :frames], rtol=0, atol=1e-4)


@given(samples=st.integers(0, 1_300_000))
@settings(max_examples=30, deadline=None)
def test_pieces_have_the_lengths_announced(samples: int) -> None:
    pieces = cut(np.zeros(samples, dtype=np.float32))
    assert [len(piece) for piece in pieces] == rates.piece_lengths(samples)


@given(
    samples=st.integers(0, 3_000),
    from_rate=st.sampled_from([4_000, 8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]),
    to_rate=st.sampled_from([16_000, 24_000]),
    block=st.integers(1, 1_000),
)
@settings(max_examples=60, deadline=None)
def test_resampling_gives_the_rounded_length_whole_and_in_blocks(
    samples: int, from_rate: int, to_rate: int, block: int
) -> None:
    signal = np.random.default_rng(samples).standard_normal(samples).astype(np.float32)
    whole = resample(signal, from_rate, to_rate)
    assert abs(len(whole) - samples * to_rate / from_rate) <= 0.5
    stream = StreamResampler(from_rate, to_rate)
    parts = [stream.push(signal[start : start + block]) for start in range(0, samples, block)]
    assert np.array_equal(np.concatenate([*parts, stream.finish()]), whole)


@given(lengths=st.lists(st.integers(0, 1_500), max_size=8), rate=st.sampled_from([8_000, 16_000, 24_000]))
@settings(max_examples=60, deadline=None)
def test_stretches_of_sound_are_ordered_inside_and_cover_all_that_is_loud(lengths: list[int], rate: int) -> None:
    generator = np.random.default_rng(len(lengths))
    parts = [generator.standard_normal(length) * (index % 2) * 0.3 for index, length in enumerate(lengths)]
    signal = np.concatenate([np.zeros(0), *parts]).astype(np.float32)
    stretches = find_sound(signal, rate)
    edges = [edge for stretch in stretches for edge in stretch]
    assert edges == sorted(edges)
    assert not edges or (edges[0] >= 0 and edges[-1] <= len(signal))
    left_out = np.ones(len(signal), dtype=bool)
    for start, end in stretches:
        left_out[start:end] = False
    # A frame holding a single loud sample has no spread around its mean and is silent.
    assert np.count_nonzero(signal[left_out]) <= 1
    assert len(trim(signal, rate)) == (stretches[-1].end - stretches[0].start if stretches else 0)
