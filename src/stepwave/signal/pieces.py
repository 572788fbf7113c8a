"""Cutting a recording into the 25 s pieces that the encoder takes one by one (reference facts 2.1). No mels here."""

from stepwave.facts.rates import piece_lengths
from stepwave.signal.resample import Samples


def cut(samples: Samples) -> list[Samples]:
    """Cut samples [n] at 16 kHz into consecutive pieces of 400,000, without overlap; only the last may be shorter.

    The pieces are views of `samples`; joined, they give it again. No samples give no pieces.
    """
    if samples.ndim != 1:
        raise ValueError(f"samples must have one dimension, got shape {samples.shape}")
    pieces = []
    start = 0
    for length in piece_lengths(len(samples)):
        pieces.append(samples[start : start + length])
        start += length
    return pieces
