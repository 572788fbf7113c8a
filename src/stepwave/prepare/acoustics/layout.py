"""Where the sounds of a scene begin: one after another, before a background, or scattered."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

SHORTEST_SECONDS: Final = 4.0
LONGEST_SECONDS: Final = 20.0
"""Bounds of a scene's length."""
APART_SECONDS: Final = 0.8
"""At least this lies between two sounds of the same label, so that they count as two."""
_GAPS: Final = (0.3, 0.8)
_TRIES: Final = 20


@dataclass(frozen=True)
class Layout:
    """Starts of a scene's sounds, in the order in which the sounds were given, and the scene's length; in seconds."""

    starts: tuple[float, ...]
    seconds: float


def longest_sound(sounds: int, speech_seconds: float) -> float:
    """Seconds that each of so many sounds may last, so that all fit one after another beside the speech."""
    return (LONGEST_SECONDS - 1.0 - speech_seconds - APART_SECONDS * (sounds + 1)) / max(sounds, 1)


def lay_out(labels: Sequence[str], lengths: Sequence[float], chooser: Random) -> Layout:
    """Starts for sounds of these lengths in seconds, drawn.

    Sounds of the same label never touch. All of them together must fit one after another (`longest_sound`).
    """
    draw = chooser.choices((_in_sequence, _before_background, _scattered), (5, 3, 2))[0]
    for _ in range(_TRIES):
        starts = draw(lengths, chooser)
        end = max(start + length for start, length in zip(starts, lengths, strict=True))
        if end <= LONGEST_SECONDS and _apart(labels, lengths, starts):
            break
        draw = chooser.choice((draw, _in_sequence))
    else:
        starts = _in_sequence(lengths, chooser, APART_SECONDS)
        end = max(start + length for start, length in zip(starts, lengths, strict=True))
    seconds = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, end + chooser.uniform(0.2, 1.0)))
    return Layout(tuple(round(start, 3) for start in starts), round(seconds, 3))


def _in_sequence(lengths: Sequence[float], chooser: Random, gap: float | None = None) -> list[float]:
    order = list(range(len(lengths)))
    chooser.shuffle(order)
    starts = [0.0] * len(lengths)
    at = chooser.uniform(0.05, 0.8) if gap is None else 0.1
    for index in order:
        starts[index] = at
        at += lengths[index] + (chooser.uniform(*_GAPS) if gap is None else gap)
    return starts


def _before_background(lengths: Sequence[float], chooser: Random) -> list[float]:
    back = max(range(len(lengths)), key=lengths.__getitem__)
    front = [length for index, length in enumerate(lengths) if index != back]
    starts = [start + chooser.uniform(0.3, 1.0) for start in _in_sequence(front, chooser)] if front else []
    starts.insert(back, chooser.uniform(0.0, 0.3))
    return starts


def _scattered(lengths: Sequence[float], chooser: Random) -> list[float]:
    room = max(max(lengths) + 1.0, 0.7 * sum(lengths))
    return [chooser.uniform(0.0, room - length) for length in lengths]


def _apart(labels: Sequence[str], lengths: Sequence[float], starts: Sequence[float]) -> bool:
    for one in range(len(labels)):
        for other in range(one):
            if labels[one] == labels[other]:
                first, second = sorted((one, other), key=starts.__getitem__)
                if starts[second] - starts[first] - lengths[first] < APART_SECONDS:
                    return False
    return True
