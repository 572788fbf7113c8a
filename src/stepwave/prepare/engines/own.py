"""Voices of a model of this project: what it learnt from others it can pass on."""

from functools import cached_property
from typing import Any

from stepwave.prepare.engines.contract import Samples, trim


class OwnModel:
    """A model, opened at first use and shared by its voices."""

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def model(self) -> Any:
        """The loaded model. Raises CheckpointError."""
        from stepwave.dialogue.loading import load

        return load(self.name)


class OwnVoice:
    """One of a model's stored voices, or its default one."""

    def __init__(self, owner: OwnModel, voice: str | None) -> None:
        self.owner, self.voice = owner, voice

    def speak(self, text: str, speed: float = 1.0) -> Samples:
        """See `Voice.speak`; the pace is the model's own, whatever `speed` asks."""
        samples: Samples = self.owner.model.say(text, voice=self.voice).samples
        return trim(samples)
