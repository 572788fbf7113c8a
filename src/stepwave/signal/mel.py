"""Log-mel spectrograms: what encoder and speech tokenizer hear (16 kHz), and what flow matching makes (24 kHz).

Sources: reference facts 2.2, 2.4 and 6.1c; Slaney's mel scale from the Auditory Toolbox (1998). Everything is computed
in float32 on the waveform's device and can be differentiated. Cutting into pieces and Kaldi features are elsewhere.

Letters in shapes: n samples, b batch, T frames.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from stepwave.facts.errors import AudioEmptyError, AudioTooShortError
from stepwave.facts.rates import (
    INPUT_SAMPLE_RATE,
    MEL_HOP,
    MEL_RIGHT_PADDING,
    MEL_WINDOW,
    OUTPUT_SAMPLE_RATE,
    SPEECH_MEL_HOP,
)

SPEECH_MEL_BANDS = 80
"""Bands of the 24 kHz mel."""
SPEECH_MEL_WINDOW = 1920
"""Samples at 24 kHz in one window of the 24 kHz mel."""

_MAX_HERTZ = 8000.0
_POWER_FLOOR = 1e-10
_RANGE = 8.0  # decades below the loudest point of a piece that are kept
_MAGNITUDE_EPSILON = 1e-9
_SPEECH_FLOOR = 1e-5

# Slaney's scale: straight up to 1 kHz (15 mels there), logarithmic above, 27 mels for each factor of 6.4.
_HERTZ_PER_MEL = 200.0 / 3.0
_BREAK_HERTZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = math.log(6.4) / 27.0


def log_mel(waveform: Tensor, bands: int, *, right_padding: int = MEL_RIGHT_PADDING) -> Tensor:
    """Log-mel of pieces at 16 kHz: [n] or [b, n] -> float32 [bands, T] or [b, bands, T].

    T is (n + right_padding) // 160. The released encoder wants 128 bands, Whisper base 80. `right_padding` zeros are
    appended first: 479 for the encoder, 0 for the speech tokenizer (facts 6.1a). Each piece keeps the 8 decades below
    its loudest point, a span of 2.0; silence is -1.5.

    Raises AudioEmptyError for n = 0, and AudioTooShortError where n + right_padding <= 200.
    """
    _check_samples(waveform, right_padding, MEL_WINDOW // 2)
    with torch.autocast(waveform.device.type, enabled=False):
        padded = functional.pad(waveform.float(), (0, right_padding))
        window = torch.hann_window(MEL_WINDOW, device=padded.device)
        spectrum = torch.stft(padded, MEL_WINDOW, MEL_HOP, window=window, center=True, return_complex=True)
        power = spectrum[..., :-1].abs() ** 2
        mel = _bank(INPUT_SAMPLE_RATE, MEL_WINDOW, bands, power.device) @ power
    logs = mel.clamp(min=_POWER_FLOOR).log10()
    loudest = logs.amax(dim=(-2, -1), keepdim=True)
    return (torch.maximum(logs, loudest - _RANGE) + 4.0) / 4.0


def log_mel_batch(pieces: Sequence[Tensor], bands: int) -> tuple[Tensor, Tensor]:
    """Encoder input for pieces [n] of any lengths: (mel [b, bands, longest T], valid lengths L = T - 2 as int64 [b]).

    Shorter pieces are filled with 0.0 on the right, not with the floor (facts 2.4). `pieces` must not be empty.
    """
    if not pieces:
        raise ValueError("a batch needs at least one piece")
    mels = [log_mel(piece, bands) for piece in pieces]
    longest = max(mel.shape[-1] for mel in mels)
    batch = torch.stack([functional.pad(mel, (0, longest - mel.shape[-1])) for mel in mels])
    return batch, torch.tensor([mel.shape[-1] - 2 for mel in mels], device=batch.device)


def speech_mel(waveform: Tensor) -> Tensor:
    """Natural-log mel of sound at 24 kHz: [n] or [b, n] -> float32 [80, T] or [b, 80, T], T = n // 480 (50 per second).

    Raises AudioEmptyError for n = 0, and AudioTooShortError for n <= 720, which is less than the reflected edge.
    """
    edge = (SPEECH_MEL_WINDOW - SPEECH_MEL_HOP) // 2
    _check_samples(waveform, 0, edge)
    with torch.autocast(waveform.device.type, enabled=False):
        batched = waveform.float().reshape(-1, waveform.shape[-1])
        padded = functional.pad(batched, (edge, edge), mode="reflect")
        window = torch.hann_window(SPEECH_MEL_WINDOW, device=padded.device)
        spectrum = torch.view_as_real(
            torch.stft(padded, SPEECH_MEL_WINDOW, SPEECH_MEL_HOP, window=window, center=False, return_complex=True)
        )
        magnitude = (spectrum.square().sum(-1) + _MAGNITUDE_EPSILON).sqrt()
        mel = _bank(OUTPUT_SAMPLE_RATE, SPEECH_MEL_WINDOW, SPEECH_MEL_BANDS, magnitude.device) @ magnitude
    logs = mel.clamp(min=_SPEECH_FLOOR).log()
    return logs.reshape(*waveform.shape[:-1], *logs.shape[1:])


def mel_bank(sample_rate: int, fft_size: int, bands: int, max_hertz: float = _MAX_HERTZ) -> Tensor:
    """Triangular filters from 0 Hz to `max_hertz`, evenly spread on Slaney's scale: [bands, fft_size // 2 + 1].

    Each triangle reaches from its lower neighbour's centre to its upper neighbour's, with area 1 over Hz.
    """
    if bands < 1 or not 0 < max_hertz <= sample_rate / 2:
        raise ValueError(f"wanted bands >= 1 and 0 < max_hertz <= {sample_rate / 2}, got {bands} and {max_hertz}")
    mels = torch.linspace(0.0, _mel_of(max_hertz), bands + 2, dtype=torch.float64)
    edges = torch.where(
        mels < _BREAK_MEL, mels * _HERTZ_PER_MEL, _BREAK_HERTZ * ((mels - _BREAK_MEL) * _LOG_STEP).exp()
    ).unsqueeze(1)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    bins = torch.linspace(0.0, sample_rate / 2, fft_size // 2 + 1, dtype=torch.float64)
    triangles = torch.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clamp(min=0.0)
    return (triangles * 2.0 / (high - low)).float()


def _mel_of(hertz: float) -> float:
    if hertz < _BREAK_HERTZ:
        return hertz / _HERTZ_PER_MEL
    return _BREAK_MEL + math.log(hertz / _BREAK_HERTZ) / _LOG_STEP


@lru_cache(maxsize=16)
def _bank(sample_rate: int, fft_size: int, bands: int, device: torch.device) -> Tensor:
    # Made outside inference mode even when first asked for inside it: it is kept and may later meet gradients.
    with torch.inference_mode(False):
        return mel_bank(sample_rate, fft_size, bands).to(device)


def _check_samples(waveform: Tensor, right_padding: int, edge: int) -> None:
    if waveform.ndim not in (1, 2) or right_padding < 0:
        raise ValueError(f"wanted a waveform [n] or [b, n] and padding >= 0, got {waveform.shape} and {right_padding}")
    samples = waveform.shape[-1]
    if samples == 0:
        raise AudioEmptyError("the recording has 0 samples; wanted at least one; record it again")
    if samples + right_padding <= edge:
        raise AudioTooShortError(
            f"the recording has {samples} samples; wanted at least {edge + 1 - right_padding}; record a longer one"
        )
