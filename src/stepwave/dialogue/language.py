"""What sessions and tasks need of a model, wherever its language model runs: two protocols.

`engine.LocalEngine` computes everything in this process; `stepwave.vllm.remote` sends the language model's work to a
server. What holds for both is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, Self, TypeAlias

import torch

from stepwave.checkpoints.layouts import Layout
from stepwave.dialogue.profile import Profile
from stepwave.dialogue.voices import Voices
from stepwave.facts.events import Event
from stepwave.generation.decode import DecodeSettings
from stepwave.generation.speak import SpeechStream
from stepwave.models.detokenizer import Detokenizer, Voice
from stepwave.signal.resample import Samples
from stepwave.text.template import Prompt
from stepwave.text.tokenizer import Tokenizer

Heard: TypeAlias = Any
"""A piece of sound as its engine keeps it for later turns; nobody else looks inside."""


class LanguageContext(Protocol):
    """What a model has read and written in one conversation, as token ids. It belongs to one caller at a time."""

    @property
    def ids(self) -> list[int]:
        """Everything read and written so far (a copy)."""

    def __len__(self) -> int: ...

    @property
    def room(self) -> int:
        """Positions left before the model's limit."""

    def read(self, prompt: Prompt, audio: Sequence[Heard] | None = None) -> None:
        """Append a prompt; `audio` is its sound where `Engine.encode` had it already.

        Raises ConfigError if it does not fit, and TemplateError if sound and placeholders disagree; both leave the
        context as it was.
        """

    def append(self, token: int) -> None:
        """Append a token."""

    def rewind(self, length: int) -> None:
        """Forget everything after the first `length` ids. Raises ConfigError if there are fewer."""

    def fork(self) -> Self:
        """An independent copy."""

    def decode(
        self, settings: DecodeSettings | None = None, interrupted: Callable[[], bool] | None = None
    ) -> Iterator[Event]:
        """Generate the answer to what was read, as events; see `generation.decode.decode`.

        Raises ServiceError where a server was to do it and failed; what came before is in the context.
        """

    def close(self) -> None:
        """Bring an answer that was cut short to a proper end, as history; without effect after one that ended."""


class Engine(Protocol):
    """The parts of one model. Sessions share it, from any thread; it keeps nothing of any of them."""

    layout: Layout
    device: torch.device
    profile: Profile

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids; raises CheckpointError or TokenizerError."""

    @property
    def voices(self) -> Voices:
        """The stored voices, and the models that make further ones; raises CheckpointError."""

    @property
    def detokenizer(self) -> Detokenizer:
        """Flow matching and vocoder; raises CheckpointError."""

    def speech(self, voice: Voice) -> SpeechStream:
        """What makes sound of one answer's speech codes. Opening a voice for the first time computes its prompt.

        Raises CheckpointError.
        """

    def context(self, capacity: int = 512) -> LanguageContext:
        """An empty conversation; `capacity` is the number of positions it is likely to take."""

    def encode(self, pieces: Sequence[Samples]) -> list[Heard]:
        """Take in pieces of sound (16 kHz, [n], at most 25 s) for `LanguageContext.read`.

        Raises ServiceError where a server was to do it and failed.
        """
