"""How many positions a clip takes, heard or said: exactly where it was computed beforehand, else at most so many.

Lengths only; no sound is read.
"""

import math
from typing import Final

from stepwave.data.records import Clip
from stepwave.data.sources.contract import Source
from stepwave.facts.rates import (
    INPUT_SAMPLE_RATE,
    PIECE_SAMPLES,
    audio_positions,
    encoder_frames,
    piece_lengths,
    placeholders,
    speech_tokens,
    valid_mel_frames,
)

SPARE_SECONDS: Final = 0.16
"""A clip may last so much longer than its record says, for every 25 s of it: two positions. Lengths in records are
rounded, and resampling and compressed formats add a little."""


def stored_placeholders(frames: int) -> list[int]:
    """Placeholders of each 25 s piece of a clip whose pieces have `frames` encoder frames together."""
    whole, rest = divmod(frames, encoder_frames(valid_mel_frames(PIECE_SAMPLES)))
    return [placeholders(PIECE_SAMPLES)] * whole + ([audio_positions(rest)] if rest else [])


def heard_placeholders(clip: Clip, source: Source) -> list[int] | None:
    """Placeholders of each piece; at least as many as there will be. None where nobody knows how long it lasts."""
    frames = source.length(f"{clip.id}.frames")
    if frames is not None:
        return stored_placeholders(frames)
    return [placeholders(piece) for piece in piece_lengths(_most_samples(clip))] if clip.seconds > 0 else None


def said_codes(clip: Clip, source: Source) -> int | None:
    """Speech codes; at least as many as there will be. None where nobody knows how long the clip lasts."""
    codes = source.length(f"{clip.id}.codes")
    if codes is None and clip.seconds > 0:
        return speech_tokens(_most_samples(clip))
    return codes


def _most_samples(clip: Clip) -> int:
    """Samples at 16 kHz that the clip has at most."""
    samples = math.ceil(clip.seconds * INPUT_SAMPLE_RATE)
    return samples + round(SPARE_SECONDS * INPUT_SAMPLE_RATE) * math.ceil(samples / PIECE_SAMPLES)
