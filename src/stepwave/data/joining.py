"""Longer recordings from short ones: clips heard one after the other, their texts joined.

Synthesised sentences last 3 to 4 seconds and people's recordings 15: a model that only learns from the former loses its
place in the latter. The encoder's frames of the clips are joined, which costs nothing.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stepwave.data.store import TensorStore

AND = "+"
"""Between the names of joined clips."""

LONGEST = 600
"""Encoder frames (25 a second) of a joined clip, 24 s: one piece of the audio encoder."""


@dataclass(frozen=True)
class Clip:
    """What is heard: a name in the feature store or several joined by `AND`, encoder frames, and what is said."""

    name: str
    frames: int
    text: str


def join_some(clips: Sequence[Clip], share: float, chooser: random.Random, most: int = 5) -> list[Clip]:
    """Replace about `share` of the clips by joined ones of two to `most`, none longer than `LONGEST` unless it was."""
    order = list(clips)
    chooser.shuffle(order)
    split = round(share * len(order))
    waiting, joined = order[:split], order[split:]
    while waiting:
        group = [waiting.pop()]
        for _ in range(chooser.randrange(1, most)):
            if waiting and sum(clip.frames for clip in group) + waiting[-1].frames <= LONGEST:
                group.append(waiting.pop())
        joined.append(
            Clip(
                AND.join(clip.name for clip in group),
                sum(clip.frames for clip in group),
                " ".join(clip.text for clip in group),
            )
        )
    return joined


def heard_frames(store: TensorStore, name: str) -> Tensor:
    """Encoder frames `[E, width]` (float32) of a clip or of joined ones."""
    return torch.cat([store[f"{part}.frames"].float() for part in name.split(AND)])
