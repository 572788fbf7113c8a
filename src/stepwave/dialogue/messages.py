"""Messages on their way to the model: checked before they are taken, and joined where they belong to one turn."""

from __future__ import annotations

from collections.abc import Sequence

from stepwave.dialogue.listening import hear
from stepwave.facts.conversation import AudioPart, Message, Part, TextPart
from stepwave.facts.errors import TemplateError, TextError


def checked(message: Message, longest_seconds: float) -> Message:
    """The message as it can be a turn, its recordings checked; errors as `Session.add`."""
    if message.content is None or not message.eot:
        raise TemplateError(f"got an open '{message.role}' turn; wanted a finished one")
    if isinstance(message.content, str):
        if not message.content.strip():
            raise TextError(f"got an empty '{message.role}' turn; wanted some text or a recording")
        return message
    parts: list[Part] = []
    for part in message.content:
        if isinstance(part, TextPart) and not part.text.strip():
            raise TextError(f"got an empty text in a '{message.role}' turn; leave it out")
        parts.append(AudioPart(hear(part.samples, longest_seconds)) if isinstance(part, AudioPart) else part)
    if not parts:
        raise TextError(f"got an empty '{message.role}' turn; wanted some text or a recording")
    return Message(message.role, tuple(parts))


def has_sound(messages: Sequence[Message]) -> bool:
    """Whether the last human turn is spoken."""
    human = [message.content for message in messages if message.role == "human"]
    return (
        bool(human) and not isinstance(human[-1], str) and any(isinstance(part, AudioPart) for part in human[-1] or ())
    )


def joined(messages: Sequence[Message]) -> list[Message]:
    """Human turns that follow each other as one, a part each (reference facts 4.7)."""
    joined: list[Message] = []
    for message in messages:
        if joined and message.role == joined[-1].role == "human":
            joined[-1] = Message("human", (*_parts(joined[-1]), *_parts(message)))
        else:
            joined.append(message)
    return joined


def _parts(message: Message) -> tuple[Part, ...]:
    return (TextPart(message.content),) if isinstance(message.content, str) else message.content or ()
