"""What simulated speakers say: recordings, and where in them speech begins, has lasted, and ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from stepwave.facts.errors import AudioError, DataError
from stepwave.serving.realtime.audio_formats import PCM_RATE
from stepwave.serving.turn_taking.settings import TurnSettings
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples
from stepwave.signal.voice_activity import VoiceActivityConfig, frame_levels

ENDINGS: Final = (".wav", ".flac", ".ogg", ".opus", ".mp3")
LONGEST_SECONDS: Final = 20.0
LEAST_MARGIN: Final = 0.1
"""A pause within a recording must be so much shorter, in seconds, than the silence that ends a turn."""
LEVELS: Final = VoiceActivityConfig(frame_seconds=0.01, range_db=35.0, margin_seconds=0.0)
"""Speech is what lies less than 35 dB below the loudest hundredth of a second."""


@dataclass(frozen=True, eq=False)
class Recording:
    """One thing to say. Places are samples at 24 kHz."""

    name: str
    samples: Samples
    """[n] at 24 kHz."""
    onset: int
    """Where speech begins."""
    lasted: int | None
    """Where it has lasted long enough to stop an answer (`TurnSettings.lasting_seconds`); None if it never does."""
    end: int
    """Where the last of it ends."""


def read_recordings(folder: Path, turns: TurnSettings | None = None) -> tuple[list[Recording], list[str]]:
    """Every recording in `folder` and below that can be one turn, by name; and why others can't.

    Args:
        folder: where they are: wav, flac, ogg, opus or mp3.
        turns: how the server finds turns; a recording with a pause that would end one is left out.

    Raises:
        DataError: there is none that can be used.
    """
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS) if folder.is_dir() else []
    if not found:
        raise DataError(
            f"there is no recording in '{folder}'; name a folder of spoken questions ({', '.join(ENDINGS)})"
        )
    usable, left_out = [], []
    for path in found:
        name = str(path.relative_to(folder))
        try:
            audio = read_audio(path, sample_rate=PCM_RATE, max_seconds=LONGEST_SECONDS)
            usable.append(as_recording(name, audio.samples, turns or TurnSettings()))
        except (AudioError, DataError) as error:
            left_out.append(f"{name}: {error}")
    if not usable:
        raise DataError(f"none of the {len(found)} recordings in '{folder}' can be used; the first: {left_out[0]}")
    return usable, left_out


def as_recording(name: str, samples: Samples, turns: TurnSettings) -> Recording:
    """Find speech in samples [n] at 24 kHz. Raises DataError for none, or a pause that the server would end it at."""
    levels = frame_levels(samples, PCM_RATE, LEVELS)
    loudest = float(levels.max()) if len(levels) else LEVELS.floor_db
    voiced = np.flatnonzero(levels >= max(LEVELS.floor_db, loudest - LEVELS.range_db))
    frame = round(LEVELS.frame_seconds * PCM_RATE)
    if len(voiced) == 0:
        raise DataError("nothing is said in it; record it louder")
    longest = float(np.diff(voiced, prepend=voiced[0]).max() - 1) * LEVELS.frame_seconds
    if longest > turns.silence_seconds - LEAST_MARGIN:
        raise DataError(
            f"a pause of {longest:.2f} s in it could end the turn (after {turns.silence_seconds:g} s); cut it in two"
        )
    end = min(len(samples), (int(voiced[-1]) + 1) * frame)
    return Recording(name, samples, int(voiced[0]) * frame, _lasted(voiced, frame, turns), end)


def _lasted(voiced: npt.NDArray[np.intp], frame: int, turns: TurnSettings) -> int | None:
    """The place where so many frames of speech have come since the last longer pause, as the server counts them."""
    needed = turns.lasting_seconds / LEVELS.frame_seconds
    count, before = 0, int(voiced[0])
    for place in map(int, voiced):
        count = 1 if (place - before - 1) * LEVELS.frame_seconds >= turns.pause_seconds else count + 1
        if count >= needed:
            return (place + 1) * frame
        before = place
    return None
