"""Kaldi features against the NumPy ones that `transformers` builds from its general spectrogram."""

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank, spectrogram

from stepwave.signal.fbank import kaldi_fbank


def test_equals_the_spectrogram_of_transformers_with_kaldis_settings() -> None:
    generator = np.random.default_rng(7)
    waveform = (0.1 * generator.standard_normal(5_000) + 0.02).astype(np.float32)
    waveform[3_000:] = 0.02
    window = np.hanning(400) ** 0.85
    bank = mel_filter_bank(257, 80, 20.0, 8000.0, 16_000, norm=None, mel_scale="kaldi", triangularize_in_mel_space=True)
    # The library's own bank gives the bin at 8 kHz what rounding leaves of a weight of zero.
    bank[-1] = 0.0
    wanted = spectrogram(
        waveform,
        window,
        frame_length=400,
        hop_length=160,
        fft_length=512,
        power=2.0,
        center=False,
        preemphasis=0.97,
        mel_filters=bank,
        log_mel="log",
        mel_floor=float(np.finfo(np.float32).eps),
        remove_dc_offset=True,
    ).T

    got = kaldi_fbank(torch.from_numpy(waveform)).numpy()

    assert got.shape == wanted.shape == (29, 80)
    assert np.abs(got - wanted).max() < 1e-3
    assert np.abs(got - wanted).mean() < 1e-5
