"""What a session consists of, as plain data: enough to go back to it, or to take it up again another day."""

from __future__ import annotations

from dataclasses import dataclass

from stepwave.dialogue.language import Heard
from stepwave.facts.conversation import Message
from stepwave.models.detokenizer import Voice
from stepwave.signal.resample import Samples
from stepwave.text.schemas import ToolSchema


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of sound in the history."""

    samples: Samples
    """At 16 kHz, [n], at most 25 s."""
    heard: Heard
    """The same as the engine keeps it."""


@dataclass(frozen=True, eq=False)
class Exchange:
    """A question and its answer in the history: where its ids start, and its sound."""

    start: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, eq=False)
class Mark:
    """A place in a conversation; see `Session.mark`. With the ids up to there it is the whole conversation."""

    length: int
    """Ids up to there."""
    waiting: tuple[Message, ...]
    """Turns that the model has not read yet."""
    question: tuple[Piece, ...]
    """Sound of the last question; empty if it was written."""
    answer_start: int | None
    """Where the last answer's ids start, if it can be shortened."""
    head: int
    """Ids of the system prompt and the tools."""
    exchanges: tuple[Exchange, ...]
    """Questions and answers, in order."""
    turns: int
    """Answers so far."""
    system: str | None
    """The system prompt; None for the model's own."""
    tools: tuple[ToolSchema, ...]
    """What the model may call."""
    voice: Voice | None
    """What `Session.switch_voice` chose."""
