"""Conversations as data: roles, parts and messages. How they become token ids is `text.template`'s business."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from stepwave.facts.errors import AudioValueError, TemplateError

Role: TypeAlias = Literal["system", "human", "assistant", "tool_json_schemas", "input"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
OTHER_ROLE_NAMES: Final[dict[str, Role]] = {"user": "human", "function_output": "input"}
"""Names other programs use for our roles (reference facts 4.2, 4.5)."""


def role_named(name: str) -> Role:
    """Return the role that `name` means; "user" is "human", "function_output" is "input".

    Raises TemplateError for any other name, listing those that exist.
    """
    if name in OTHER_ROLE_NAMES:
        return OTHER_ROLE_NAMES[name]
    if name in ROLES:
        return name
    known = ", ".join((*ROLES, *OTHER_ROLE_NAMES))
    raise TemplateError(f"got a message with role '{name}'; a role is one of: {known}")


@dataclass(frozen=True)
class TextPart:
    """A stretch of text inside a message; it is tokenised on its own."""

    text: str


@dataclass(frozen=True, eq=False)
class AudioPart:
    """A recording inside a message: mono float32 samples at 16 kHz, shape `[n]`, of any length.

    The 25 s pieces are cut later. Raises AudioValueError unless the array is one-dimensional and of floating type.
    """

    samples: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype.kind != "f":
            raise AudioValueError(
                f"got samples of shape {list(self.samples.shape)} and type {self.samples.dtype}; "
                "wanted float samples of shape [n]: read the recording with read_audio"
            )


@dataclass(frozen=True)
class TokensPart:
    """Token ids put in as they are, such as the interleaved ids of an earlier answer."""

    ids: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", tuple(self.ids))


Part: TypeAlias = TextPart | AudioPart | TokensPart


@dataclass(frozen=True)
class Message:
    """One turn. A string and a tuple with that one string are different prompts (see `text.template`)."""

    role: Role
    """Who speaks. Names of other programs ("user") are mapped when the message is made."""
    content: str | tuple[Part, ...] | None
    """The turn; None asks for the assistant's answer and is allowed as the last message only."""
    eot: bool = True
    """False leaves the turn open, so that the model continues it (a prefill such as `<tts_start>`)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", role_named(self.role))
        if self.content is None and self.role != "assistant":
            raise TemplateError(
                f"got a '{self.role}' message without content; "
                "only an assistant message may have none, to ask for an answer"
            )
        if self.content is not None and not isinstance(self.content, str):
            object.__setattr__(self, "content", tuple(self.content))
