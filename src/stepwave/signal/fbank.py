"""Kaldi-style log filter bank, the input of the speaker embedding (reference facts 6.1b).

As Kaldi's `compute-fbank-feats` computes it with 80 bins and no dither, on samples with full scale 1.0 (Kaldi itself
expects 16-bit values; that shifts each value by a constant). `speaker_features` takes the mean over time off.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from stepwave.facts.errors import AudioTooShortError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples

FBANK_BINS = 80
"""Filters per frame."""
FBANK_WINDOW = 400
"""Samples in one frame: 25 ms."""
FBANK_HOP = 160
"""Samples from one frame to the next: 10 ms."""

_FFT_SIZE = 512
_PREEMPHASIS = 0.97
_POVEY_POWER = 0.85
_MEL_SCALE, _MEL_BREAK = 1127.0, 700.0
_MIN_HERTZ, _MAX_HERTZ = 20.0, INPUT_SAMPLE_RATE / 2
_FLOOR = torch.finfo(torch.float32).eps


def kaldi_fbank(waveform: Tensor) -> Tensor:
    """Log filter bank of sound at 16 kHz: [n] or [b, n] -> float32 [T, 80] or [b, T, 80], T = 1 + (n - 400) // 160.

    Only whole frames count (Kaldi's snipped edges). Raises AudioTooShortError for n < 400.
    """
    if waveform.ndim not in (1, 2):
        raise ValueError(f"wanted a waveform [n] or [b, n], got shape {tuple(waveform.shape)}")
    if waveform.shape[-1] < FBANK_WINDOW:
        raise AudioTooShortError(
            f"the recording has {waveform.shape[-1]} samples; wanted at least {FBANK_WINDOW} (25 ms); "
            "record a longer one"
        )
    with torch.autocast(waveform.device.type, enabled=False):
        frames = waveform.float().unfold(-1, FBANK_WINDOW, FBANK_HOP)
        frames = frames - frames.mean(dim=-1, keepdim=True)
        # Each sample loses 0.97 of the one before it; the first, which has none, of itself.
        before = torch.cat((frames[..., :1], frames[..., :-1]), dim=-1)
        shaped = (frames - _PREEMPHASIS * before) * _povey_window(frames.device)
        power = torch.fft.rfft(functional.pad(shaped, (0, _FFT_SIZE - FBANK_WINDOW))).abs().square()
        energies = power @ _kaldi_bank(frames.device).T
        logs: Tensor = energies.clamp(min=_FLOOR).log()
    return logs


def speaker_features(samples: Samples) -> Tensor:
    """What speaker encoders of CAM++'s kind take: features [frames, 80] of samples [n] at 16 kHz, without their mean
    over time (reference facts 6.1b)."""
    features = kaldi_fbank(torch.from_numpy(samples))
    return features - features.mean(dim=0)


@lru_cache(maxsize=8)
def _povey_window(device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.hann_window(FBANK_WINDOW, periodic=False).pow(_POVEY_POWER).to(device)


@lru_cache(maxsize=8)
def _kaldi_bank(device: torch.device) -> Tensor:
    """Filters [80, 257]: triangles of height 1 that are straight on the mel axis; the bin at 8 kHz has no weight."""
    with torch.inference_mode(False):
        edges = torch.linspace(_mel_of(_MIN_HERTZ), _mel_of(_MAX_HERTZ), FBANK_BINS + 2, dtype=torch.float64)
        low, centre, high = (edges[start : start + FBANK_BINS].unsqueeze(1) for start in range(3))
        hertz = torch.arange(_FFT_SIZE // 2, dtype=torch.float64) * (INPUT_SAMPLE_RATE / _FFT_SIZE)
        mels = _MEL_SCALE * (1.0 + hertz / _MEL_BREAK).log()
        triangles = torch.minimum((mels - low) / (centre - low), (high - mels) / (high - centre)).clamp(min=0.0)
        return functional.pad(triangles, (0, 1)).float().to(device)


def _mel_of(hertz: float) -> float:
    return _MEL_SCALE * math.log(1.0 + hertz / _MEL_BREAK)
