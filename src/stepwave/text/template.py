"""The chat template: messages to a prompt of ids, with placeholders for the pieces of sound they contain.

One turn is `<|BOT|>`, the role, a newline, the content, `<|EOT|>`; turns follow one another with nothing between
(reference facts 4.2). Placeholders are counted here; features for them are computed by the model. History needs no
support here: a session keeps ids and renders only the turns that are new.

A string message is tokenised in one go, header and content together; the parts of a tuple one by one. Newlines merge
in this kind of BPE, so content that begins with a newline gives different ids in the two forms, as in the reference.

Departure: the reference lets anybody's text form special tokens. Here only system and assistant turns may; what
humans say, tools return and tool lists contain is plain text, whatever it spells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stepwave.facts.conversation import AudioPart, Message, Part, Role, TextPart, TokensPart
from stepwave.facts.errors import AudioEmptyError, TemplateError
from stepwave.facts.rates import placeholders
from stepwave.signal.pieces import cut
from stepwave.text.tokenizer import Tokenizer

TRUSTED_ROLES: Final[frozenset[Role]] = frozenset({"system", "assistant"})
"""Roles whose text may spell special tokens such as `<tts_start>`."""


@dataclass(frozen=True)
class Prompt:
    """Ids for the LLM and the sound that belongs to their placeholders."""

    ids: list[int]
    """Token ids."""
    audio: list[NDArray[np.float32]]
    """Pieces of sound of at most 25 s, samples at 16 kHz, shape `[n]`, in the order of their placeholders."""
    spans: list[tuple[int, int]]
    """For each piece, the index of its first placeholder in `ids`, and their number (0 for 20 ms or less)."""

    def __add__(self, later: "Prompt") -> "Prompt":
        """Return the prompt that goes on with `later`."""
        shift = len(self.ids)
        moved = [(start + shift, count) for start, count in later.spans]
        return Prompt(self.ids + later.ids, self.audio + later.audio, self.spans + moved)


def render(messages: Sequence[Message], tokenizer: Tokenizer) -> Prompt:
    """Write `messages` as a prompt.

    A last message with content None asks for the assistant's answer; one with `eot` False stays open to be continued.
    Rendering turns one after the other and adding the prompts gives the same ids as rendering them together.
    Raises TemplateError if an open message is not the last, and AudioEmptyError for a recording without samples.
    """
    for message in messages[:-1]:
        if message.content is None or not message.eot:
            raise TemplateError(
                f"got an open '{message.role}' message (no content, or eot=False) before other messages; "
                "only the last may be open: close it or move it to the end"
            )
    writer = _Writer(tokenizer)
    for message in messages:
        writer.turn(message)
    return writer.prompt


def render_base(parts: Sequence[str | Part], tokenizer: Tokenizer) -> Prompt:
    """Write a prompt for a Base model: no roles, the parts simply follow one another (reference facts 4.2, 4.7).

    A plain string may spell special tokens (`<tts_start>`); the text of a TextPart may not.
    Raises AudioEmptyError for a recording without samples.
    """
    writer = _Writer(tokenizer)
    for part in parts:
        if isinstance(part, str):
            writer.text(part, trusted=True)
        else:
            writer.part(part, trusted=False)
    return writer.prompt


class _Writer:
    """Appends to one growing prompt."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._special = tokenizer.special
        self.prompt = Prompt([], [], [])

    def turn(self, message: Message) -> None:
        trusted = message.role in TRUSTED_ROLES
        header = f"{message.role}\n"
        self.prompt.ids.append(self._special.bot)
        if isinstance(message.content, str):
            self.text(header + message.content, trusted)
        else:
            self.text(header, trusted)
            for part in message.content or ():
                self.part(part, trusted)
        if message.content is not None and message.eot:
            self.prompt.ids.append(self._special.eot)

    def part(self, part: Part, trusted: bool) -> None:
        if isinstance(part, TextPart):
            self.text(part.text, trusted)
        elif isinstance(part, TokensPart):
            self.prompt.ids.extend(part.ids)
        else:
            self.audio(part)

    def text(self, text: str, trusted: bool) -> None:
        self.prompt.ids.extend(self._tokenizer.encode(text, parse_special=trusted))

    def audio(self, part: AudioPart) -> None:
        if not part.samples.size:
            raise AudioEmptyError("got a recording without samples; wanted at least one: leave the empty recording out")
        ids, special = self.prompt.ids, self._special
        for piece in cut(part.samples):
            count = placeholders(len(piece))
            ids.append(special.audio_start)
            self.prompt.spans.append((len(ids), count))
            ids.extend([special.audio_patch] * count)
            ids.append(special.audio_end)
            self.prompt.audio.append(piece)
