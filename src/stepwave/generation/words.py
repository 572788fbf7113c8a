"""Ids of an answer as events: text once its characters are complete, a call as one request, speech code by code."""

from __future__ import annotations

from collections.abc import Iterator

from stepwave.facts.events import Event, SpeechDelta, TextDelta, ToolCallRequest
from stepwave.text.markup import ToolCall, parse_tool_calls
from stepwave.text.tokenizer import Tokenizer


class WordStream:
    """Reads the text ids of one answer, one after the other.

    A call whose markup is broken is reported too, with the name that could be read (or "") and the markup as arguments.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._characters = tokenizer.stream()
        self._call: list[int] | None = None

    def push(self, token: int) -> Iterator[TextDelta | ToolCallRequest]:
        """What the next text id completes."""
        special = self._tokenizer.special
        if self._call is not None or token == special.tool_call_start:
            self._call = [*(self._call or []), token]
            if token == special.tool_call_end:
                yield from self._calls()
        elif text := self._characters.push(token):
            yield TextDelta(text)

    def finish(self) -> Iterator[TextDelta | ToolCallRequest]:
        """What is held back when the answer ends."""
        if self._call is not None:
            yield from self._calls()
        if text := self._characters.finish():
            yield TextDelta(text)

    def _calls(self) -> Iterator[TextDelta | ToolCallRequest]:
        parts = parse_tool_calls(self._tokenizer.decode(self._call or [])).parts
        self._call = None
        for part in parts:
            if isinstance(part, str):
                yield TextDelta(part)
            elif isinstance(part, ToolCall):
                yield ToolCallRequest(part.name, part.arguments_json)
            else:
                yield ToolCallRequest(part.name or "", part.raw)


class TokenEvents:
    """Reads all ids of one answer, one after the other, and counts them; padding and marks say nothing."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._special = tokenizer.special
        self._words = WordStream(tokenizer)
        self.text_tokens = 0
        self.speech_tokens = 0

    def push(self, token: int) -> Iterator[Event]:
        """What the next id is or completes."""
        if self._special.is_speech(token):
            self.speech_tokens += 1
            yield SpeechDelta((self._special.code(token),))
        if self._special.is_text(token):
            self.text_tokens += 1
            yield from self._words.push(token)

    def finish(self) -> Iterator[Event]:
        """What is still held back when the answer ends."""
        yield from self._words.finish()
