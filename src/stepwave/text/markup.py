"""Tool calls as the model writes them: `<tool_call>function`, the tool's name, JSON arguments, `</tool_call>`.

Writing and reading follow reference facts 4.5. Reading keeps everything: calls, calls that are broken (with the
reason), and the text around them, in order. Whether a tool exists and what it returns is the business of `tools`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from stepwave.facts.errors import MarkupError

START = "<tool_call>"
END = "</tool_call>"
_HEAD = "function"


@dataclass(frozen=True)
class ToolCall:
    """A well-formed call."""

    name: str
    """The tool's name, as written."""
    arguments_json: str
    """The arguments, exactly as written: a JSON object."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, decoded anew at each access."""
        decoded: dict[str, Any] = json.loads(self.arguments_json)
        return decoded


@dataclass(frozen=True)
class BrokenToolCall:
    """Markup that is no usable call; it is kept so that the model can be told what was wrong."""

    raw: str
    """The markup as it came, marks included."""
    reason: str
    """What is wrong with it, in a few words."""
    name: str | None = None
    """The tool's name, if that much could be read."""


MarkupPart: TypeAlias = str | ToolCall | BrokenToolCall


@dataclass(frozen=True)
class ParsedText:
    """An answer's text, with its tool calls taken out."""

    parts: tuple[MarkupPart, ...]
    """Text (never empty) and calls in the order in which they came."""

    @property
    def text(self) -> str:
        """All text outside calls, joined, nothing trimmed."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def calls(self) -> list[ToolCall]:
        """The well-formed calls."""
        return [part for part in self.parts if isinstance(part, ToolCall)]

    @property
    def broken(self) -> list[BrokenToolCall]:
        """The calls that cannot be used."""
        return [part for part in self.parts if isinstance(part, BrokenToolCall)]


def write_tool_call(name: str, arguments: Mapping[str, Any]) -> str:
    """Markup of one call; several are simply joined.

    JSON is written with Python's default separators and non-ASCII characters kept. A mark inside an argument is
    written with an escape, so that it cannot end the call.
    Raises MarkupError for a name that is empty, holds spaces at its ends, a line break or a mark, and for arguments
    JSON cannot hold.
    """
    if not name or name != name.strip() or "\n" in name or "\r" in name or START in name or END in name:
        raise MarkupError(f"got the tool name {name!r}; wanted one line of text without marks: rename the tool")
    return f"{START}{_HEAD}\n{name}\n{write_json(dict(arguments))}{END}"


def write_json(value: object) -> str:
    """JSON in the form the model was trained on, safe inside the markup. Raises MarkupError for other values."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise MarkupError(
            f"got a value that JSON cannot hold ({error}); wanted objects, lists, text, numbers"
        ) from error
    return text.replace(START, "\\u003c" + START[1:]).replace(END, "\\u003c" + END[1:])


def parse_tool_calls(text: str) -> ParsedText:
    """Take the tool calls out of `text`. Never fails: what is no call stays text or becomes a BrokenToolCall.

    Spaces and line breaks around the three parts of a call are tolerated.
    """
    parts: list[MarkupPart] = []
    position = 0
    while (start := text.find(START, position)) >= 0:
        if start > position:
            parts.append(text[position:start])
        call, position = _read_call(text, start)
        parts.append(call)
    if position < len(text):
        parts.append(text[position:])
    return ParsedText(tuple(parts))


def _read_call(text: str, start: int) -> tuple[ToolCall | BrokenToolCall, int]:
    """Read the call whose mark stands at `start`; return it and where the text goes on."""
    name: str | None = None

    def broken(reason: str) -> tuple[BrokenToolCall, int]:
        body = start + len(START)
        end, another = text.find(END, body), text.find(START, body)
        if another >= 0 and (end < 0 or another < end):
            return BrokenToolCall(text[start:another], "the call is not closed before the next one", name), another
        if end < 0:
            return BrokenToolCall(text[start:], "the call is not closed", name), len(text)
        stop = end + len(END)
        return BrokenToolCall(text[start:stop], reason, name), stop

    head = _skip_spaces(text, start + len(START))
    line, name_start = _line(text, head)
    if line != _HEAD:
        return broken("the first line is not 'function'")
    line, body = _line(text, _skip_spaces(text, name_start))
    if not line or END in line or START in line:
        return broken("the tool's name is missing")
    name = line
    body = _skip_spaces(text, body)
    try:
        value, stop = _DECODER.raw_decode(text, body)
    except (ValueError, RecursionError) as error:
        return broken(f"the arguments are not JSON: {error if isinstance(error, ValueError) else 'nested too deep'}")
    after = _skip_spaces(text, stop)
    if not text.startswith(END, after):
        return broken("something follows the arguments")
    if not isinstance(value, dict):
        return broken("the arguments are not a JSON object")
    return ToolCall(name, text[body:stop]), after + len(END)


def _line(text: str, start: int) -> tuple[str, int]:
    stop = text.find("\n", start)
    stop = len(text) if stop < 0 else stop
    return text[start:stop].strip(), min(stop + 1, len(text))


def _skip_spaces(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
