"""Text ids of an answer as events: text as soon as its characters are complete, a tool call as one request."""

from __future__ import annotations

from collections.abc import Iterator

from stepwave.facts.events import TextDelta, ToolCallRequest
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
