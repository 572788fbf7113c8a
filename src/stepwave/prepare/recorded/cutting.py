"""Utterances of bounded length from the stretches in which somebody speaks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import INPUT_SAMPLE_RATE, PIECE_SECONDS
from stepwave.signal.resample import Samples
from stepwave.signal.voice_activity import Stretch, VoiceActivityConfig, frame_levels

_FRAMES = VoiceActivityConfig(frame_seconds=0.02)
_SMOOTHING = 5  # frames: a cut needs a tenth of a second that is quiet, not one quiet frame


@dataclass(frozen=True)
class UtteranceBounds:
    """How long utterances are, in seconds, padding included."""

    shortest: float = 1.0
    """Shorter ones are dropped."""
    longest: float = float(PIECE_SECONDS)
    """Longer ones are parted at their longest pause, or where it is quietest."""
    pause: float = 0.5
    """Pauses up to this long do not part utterances, while both together stay within `longest`."""
    padding: float = 0.15
    """Kept before and after the speech, at most up to the middle of the pause."""

    def __post_init__(self) -> None:
        if self.shortest < 0 or self.pause < 0 or self.padding < 0:
            raise ConfigError("shortest, pause and padding are seconds; wanted 0 or more")
        if self.longest - 2 * self.padding < max(2 * self.shortest, 0.5):
            raise ConfigError(
                f"utterances of {self.shortest:g} to {self.longest:g} s with {self.padding:g} s around them leave no "
                f"room to cut; wanted longest at least twice shortest plus twice padding, and half a second of speech"
            )


def cut(samples: Samples, stretches: Sequence[Stretch], bounds: UtteranceBounds) -> list[Stretch]:
    """Utterances in samples `[n]` at 16 kHz, in order and without overlap, none longer than `longest`.

    Stretches over short pauses make a run. A run that is too long is cut from its start on, each time between half of
    what is allowed and all of it: at the longest pause there, else at the quietest tenth of a second.
    """
    rate = INPUT_SAMPLE_RATE
    limit, shortest = round((bounds.longest - 2 * bounds.padding) * rate), round(bounds.shortest * rate)
    pieces: list[Stretch] = []
    for run in _runs(stretches, round(bounds.pause * rate)):
        start, end = run[0].start, run[-1].end
        while end - start > limit:
            earliest, latest = start + limit // 2, min(start + limit, end - shortest)
            pauses = [
                (after.start - before.end, before.end, after.start)
                for before, after in pairwise(run)
                if earliest <= before.end <= latest and after.start <= end - shortest
            ]
            if pauses:
                # Of equal pauses the first, so that nothing hangs on the order of a sort.
                _, last, following = max(pauses, key=lambda pause: pause[0])
            else:
                last = following = earliest + _quietest(samples[earliest:latest])
            pieces.append(Stretch(start, last))
            start = following
        pieces.append(Stretch(start, end))
    return _padded(pieces, round(bounds.padding * rate), len(samples))


def _runs(stretches: Sequence[Stretch], pause: int) -> list[list[Stretch]]:
    runs: list[list[Stretch]] = []
    for stretch in stretches:
        if runs and stretch.start - runs[-1][-1].end <= pause:
            runs[-1].append(stretch)
        else:
            runs.append([stretch])
    return runs


def _quietest(samples: Samples) -> int:
    """Middle of the quietest tenth of a second."""
    levels = frame_levels(samples, INPUT_SAMPLE_RATE, _FRAMES)
    frame = round(_FRAMES.frame_seconds * INPUT_SAMPLE_RATE)
    width = min(_SMOOTHING, len(levels))
    smooth = np.convolve(10 ** (levels / 10), np.ones(width), mode="valid")
    return min(len(samples), int(smooth.argmin()) * frame + width * frame // 2)


def _padded(pieces: list[Stretch], padding: int, samples: int) -> list[Stretch]:
    padded: list[Stretch] = []
    for number, piece in enumerate(pieces):
        before = pieces[number - 1].end if number else -piece.start
        after = pieces[number + 1].start if number + 1 < len(pieces) else 2 * samples - piece.end
        start = max(piece.start - padding, (before + piece.start + 1) // 2)
        padded.append(Stretch(start, min(piece.end + padding, (piece.end + after) // 2)))
    return padded
