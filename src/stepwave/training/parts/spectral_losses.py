"""Distances between waveforms, and the adversarial terms of HiFi-GAN (Kong et al. 2020, section 2.4)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from stepwave.models.discriminators import Judgement
from stepwave.signal.mel import speech_mel

WINDOWS = (256, 512, 1024, 2048)
"""STFT windows in samples of the multi-resolution loss; each hop is a quarter."""


def multi_resolution_stft_loss(made: Tensor, real: Tensor, highest: Tensor | None = None) -> Tensor:
    """Spectral convergence plus log-magnitude L1 (Yamamoto et al. 2020) of waveforms `[b, n]` at 24 kHz.

    `highest` `[b]` is the share (0 to 1] of each row's band that counts: recordings of a lower rate are empty above.
    """
    total = made.new_zeros(())
    for length in WINDOWS:
        window = torch.hann_window(length, device=made.device)
        ours, theirs = (
            torch.stft(x, length, length // 4, window=window, return_complex=True).abs().clamp_min(1e-5)
            for x in (made, real)
        )
        if highest is not None:
            bins = torch.arange(ours.shape[1], device=made.device)
            mask = bins[None, :, None] < (highest * ours.shape[1])[:, None, None]
            ours, theirs = torch.where(mask, ours, 1e-5), torch.where(mask, theirs, 1e-5)
        convergence = torch.linalg.vector_norm(theirs - ours) / torch.linalg.vector_norm(theirs)
        total = total + convergence + F.l1_loss(ours.log(), theirs.log())
    return total / len(WINDOWS)


def mel_loss(made: Tensor, real: Tensor) -> Tensor:
    """L1 between log speech mels of waveforms `[b, n]` at 24 kHz."""
    return F.l1_loss(speech_mel(made), speech_mel(real))


def discriminator_loss(real: Sequence[Judgement], made: Sequence[Judgement]) -> Tensor:
    """Least squares: real scores towards 1, made scores towards 0."""
    parts = [(1 - r.scores).square().mean() + m.scores.square().mean() for r, m in zip(real, made, strict=True)]
    return torch.stack(parts).mean()


def generator_loss(made: Sequence[Judgement]) -> Tensor:
    """Least squares: made scores towards 1."""
    return torch.stack([(1 - m.scores).square().mean() for m in made]).mean()


def feature_loss(real: Sequence[Judgement], made: Sequence[Judgement]) -> Tensor:
    """L1 between the discriminators' inner activations, each scaled by the size of the real ones."""
    parts = [
        F.l1_loss(m, r.detach()) / r.detach().abs().mean().clamp_min(1e-3)
        for real_one, made_one in zip(real, made, strict=True)
        for r, m in zip(real_one.features, made_one.features, strict=True)
    ]
    return torch.stack(parts).mean()
