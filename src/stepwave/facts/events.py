"""What a generation yields while it runs: text, speech codes, sound, tool calls, and one closing event."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FinishReason: TypeAlias = Literal["stop", "length", "interrupted"]


@dataclass(frozen=True)
class TextDelta:
    """More text of the answer; joining all deltas gives the whole. Never cut inside a character."""

    text: str


@dataclass(frozen=True)
class SpeechDelta:
    """More speech codes, each 0..6560 and 40 ms of sound; padding is already left out."""

    codes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class AudioDelta:
    """More sound. Joining the samples of all deltas gives the whole answer."""

    samples: NDArray[np.float32]
    """Mono, within -1..1, shape `[n]`."""
    sample_rate: int
    """Samples per second."""


@dataclass(frozen=True)
class ToolCallRequest:
    """The model asks for a tool. Whether the tool exists and the arguments fit is for the tool runner to judge."""

    name: str
    arguments_json: str
    """The arguments exactly as the model wrote them: a JSON object, if it kept to the form."""


@dataclass(frozen=True)
class Finished:
    """The last event of a generation."""

    reason: FinishReason
    """"stop": the model ended its turn; "length": the limit was reached; "interrupted": the caller stopped it."""
    text_tokens: int
    """Text tokens generated, padding not counted."""
    speech_tokens: int
    """Speech codes generated, padding not counted."""
    seconds: float
    """Wall-clock time of the generation."""


Event: TypeAlias = TextDelta | SpeechDelta | AudioDelta | ToolCallRequest | Finished
