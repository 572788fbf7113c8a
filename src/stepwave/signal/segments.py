"""Reading a stretch of a long recording, and no more of it: seek, decode, check, resample."""

from pathlib import Path

import numpy as np
import soundfile

from stepwave.facts.errors import (
    AudioEmptyError,
    AudioFormatError,
    AudioNotFoundError,
    AudioTooLongError,
    AudioTooShortError,
    AudioValueError,
)
from stepwave.signal.containers import HEAD_BYTES, foreign_kind
from stepwave.signal.decoding import MAX_CHANNELS, MAX_PEAK, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from stepwave.signal.files import MAX_SECONDS, Audio, Memory
from stepwave.signal.resample import resample

SLACK_SECONDS = 0.1
"""How far a stretch may reach beyond the end of its recording: corpora round their times."""


def read_segment(
    source: str | bytes,
    start: float,
    seconds: float,
    sample_rate: int | None = None,
    max_seconds: float = MAX_SECONDS,
) -> Audio:
    """Read `seconds` of a recording from `start` on, its first channel, at `sample_rate` or its own.

    `source` is a path, or the bytes of a recording.

    The rules are those of `read_audio`, but for the length of the recording, which has no bound. Raises
    AudioNotFoundError, AudioEmptyError (nothing there from `start` on), AudioFormatError (no recording, damaged, or it
    ends before the stretch does), AudioTooShortError (no samples left at the wanted rate), AudioTooLongError (more
    than `max_seconds`) and AudioValueError.
    """
    path = source if isinstance(source, str) else "the recording"
    if seconds > max_seconds:
        raise AudioTooLongError(f"{path} from {start:g} s: {seconds:g} s are more than the {max_seconds:g} s allowed")
    kind = unreadable_kind(source)
    if kind:
        raise AudioFormatError(f"{path} is {kind}; convert it to flac, ogg or wav first")
    try:
        with soundfile.SoundFile(source if isinstance(source, str) else Memory(source)) as sound:
            rate = int(sound.samplerate)
            if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE or sound.channels > MAX_CHANNELS:
                raise AudioFormatError(f"{path} claims {rate} Hz and {sound.channels} channels; fetch it again")
            first, count = round(start * rate), round(seconds * rate)
            if first >= sound.frames:
                raise AudioEmptyError(f"{path} ends at {sound.frames / rate:.2f} s; the stretch begins at {start:g} s")
            sound.seek(first)
            samples = np.ascontiguousarray(sound.read(count, dtype="float32", always_2d=True)[:, 0])
    except soundfile.LibsndfileError as problem:
        why = str(problem.error_string).strip().rstrip(".")
        raise AudioFormatError(f"{path} is damaged or no recording ({why}); fetch it again") from None
    if len(samples) < count - SLACK_SECONDS * rate:
        raise AudioFormatError(
            f"{path}: {len(samples) / rate:.2f} s of the {seconds:g} s from {start:g} s on can be read; fetch it again"
        )
    peak = float(np.abs(samples).max(initial=0.0))
    if not peak <= MAX_PEAK:
        raise AudioValueError(f"{path} from {start:g} s has samples up to {peak:.4g}; wanted full scale at 1.0")
    samples = resample(samples, rate, sample_rate or rate)
    if len(samples) == 0:
        raise AudioTooShortError(
            f"{path} from {start:g} s: nothing is left of {seconds:g} s; wanted one sample or more"
        )
    return Audio(samples, sample_rate or rate)


def unreadable_kind(source: str | bytes) -> str | None:
    """What a file (or its bytes) is, if it is of a kind that is not read: m4a, webm, wma and the like.

    Raises AudioNotFoundError.
    """
    if isinstance(source, bytes):
        return foreign_kind(source[:HEAD_BYTES])
    try:
        with Path(source).open("rb") as file:
            return foreign_kind(file.read(HEAD_BYTES))
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else problem
        raise AudioNotFoundError(f"there is no recording at {source!r} ({why}); check where the corpus lies") from None
