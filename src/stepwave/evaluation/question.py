"""A question as it is put to a model: what is wanted, the conversation so far in memory, and a seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stepwave.evaluation.items import Call, Side
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples
from stepwave.text.schemas import ToolSchema

Wanted: TypeAlias = Literal[
    "text", "speech", "transcript", "translation", "spoken_translation", "reading", "vocoded", "resynthesised"
]
"""text, speech: an answer, in writing or aloud. transcript: the words of the sound. translation, spoken_translation:
the sound in another language. reading: the text aloud. vocoded, resynthesised: sound through parts of a model."""


@dataclass(frozen=True, eq=False)
class Said:
    """A turn of the conversation."""

    side: Side
    text: str = ""
    """Where there is sound too: written text that follows it."""
    samples: Samples | None = None
    """Sound `[n]` at 16 kHz."""
    calls: tuple[Call, ...] = ()
    """Calls that the assistant made at the end of it."""


@dataclass(frozen=True, eq=False)
class Question:
    """What a model is asked. It begins a new conversation: nothing of other questions is known to it."""

    wanted: Wanted
    turns: tuple[Said, ...]
    """The conversation; the last turn, the user's, is to be answered."""
    check: str = ""
    """The check and item that it comes from: for answers that exist already, and for messages."""
    item: str = ""
    system: str | None = None
    """System prompt; None for the subject's own for what is wanted."""
    tools: tuple[ToolSchema, ...] = ()
    """What may be called. Calls are recorded, never run: an answer ends with them."""
    language: str = "en"
    """ISO 639 code of what is said."""
    answer_language: str = "en"
    """ISO 639 code of the answer."""
    voice: str | None = None
    """Path of a recording in whose voice to speak; None for the model's own."""
    heard: bool = False
    """Whether the model should also write down what it heard, after the answer."""
    seed: int = 0
    """Every random choice follows from it, where a subject can promise that."""

    @property
    def last(self) -> Said:
        """The turn to be answered."""
        return self.turns[-1]

    @property
    def recording(self) -> Samples:
        """Samples `[n]` at 16 kHz of the turn to be answered, for who writes it down. ConfigError without any."""
        if self.last.samples is None:
            raise ConfigError(f"item {self.item} has no recording to write down; give it a sound")
        return self.last.samples


def written_prompt(system: str | None, turns: Sequence[Said], tools: Sequence[ToolSchema] = ()) -> str:
    """What a model was told, word for word, one turn after the other; a sound stands as `<sound 2.50 s>`."""
    told = [] if system is None else [f"system: {system}"]
    if tools:
        told.append(f"tools: {json.dumps([tool.entry() for tool in tools], ensure_ascii=False)}")
    for turn in turns:
        sound = [] if turn.samples is None else [f"<sound {len(turn.samples) / INPUT_SAMPLE_RATE:.2f} s>"]
        calls = [f"<call {call.name} {json.dumps(dict(call.arguments), ensure_ascii=False)}>" for call in turn.calls]
        told.append(f"{turn.side}: {' '.join(filter(None, [*sound, turn.text, *calls]))}")
    return "\n".join(told)
