"""Tells how alike two voices are, by an embedding that the model under test is not conditioned on."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Final

from torch import Tensor

from stepwave.evaluation.answers import UnscorableError
from stepwave.evaluation.scoring.campplus import CampPlus, read_campplus
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples
from stepwave.signal.voice_activity import trim

LEAST_SECONDS: Final = 0.5
"""Less sound says nothing about a voice."""


class VoiceEar:
    """CAM++, its weights at `path`, read when the first voices are compared; raises CheckpointError then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._heard: dict[bytes, Tensor] = {}

    @cached_property
    def _model(self) -> CampPlus:
        return read_campplus(self._path)

    def likeness(self, one: Samples, other: Samples) -> float:
        """Cosine of the embeddings of two sounds at 16 kHz, silence at their ends taken off; 1 for the same voice.

        Raises UnscorableError where either holds less than half a second of sound.
        """
        return float(self._embedded(one) @ self._embedded(other))

    def _embedded(self, samples: Samples) -> Tensor:
        # Several measures look at the same sounds.
        digest = hashlib.sha256(samples.tobytes()).digest()
        if digest not in self._heard:
            sound = trim(samples, INPUT_SAMPLE_RATE)
            seconds = len(sound) / INPUT_SAMPLE_RATE
            if seconds < LEAST_SECONDS:
                raise UnscorableError(f"there is {seconds:.2f} s of sound; a voice takes {LEAST_SECONDS:g} s")
            self._heard[digest] = self._model.embed(sound)
        return self._heard[digest]
