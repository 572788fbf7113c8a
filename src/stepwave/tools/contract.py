"""What a tool is: a schema that the model reads and a function that is run. Any typed, documented function becomes one.

Not here: checking what the model asks for and running it (`runner`).
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Union

from stepwave.facts.errors import ConfigError
from stepwave.signal.files import Audio
from stepwave.text.schemas import ToolSchema

_PLAIN: Final = {str: "string", int: "integer", float: "number", bool: "boolean"}
_KINDS: Final = "str, int, float, bool, Literal, a list of these, or one of them | None with a default"
_HEADING: Final = re.compile(r"(Args|Arguments|Returns|Raises|Yields|Examples?|Notes?):\s*$")
_ENTRY: Final = re.compile(r"(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")


@dataclass(frozen=True)
class Tool:
    """Something the model may ask for."""

    schema: ToolSchema
    """What the model is told of it."""
    run: Callable[..., object]
    """Is called with the arguments by name, in a thread of its own. What it returns is told to the model: a text as it
    is, a `VoiceFound` by its text, anything else as JSON. A `ToolError` is told in its own words; of other exceptions,
    only that it failed."""
    sensitive: bool = False
    """Whether each call needs a yes from the user, because it changes something, costs something or tells secrets."""
    untrusted: bool = False
    """Whether results hold what strangers said or wrote, as a `VoiceFound` always does. What the model asks for once it
    has read one, the user is asked about first."""
    harmless: bool = False
    """Whether a call tells nobody anything and changes nothing, so that it may be made even then."""

    @property
    def name(self) -> str:
        """What the model writes to call it."""
        return self.schema.name

    @property
    def description(self) -> str:
        """What it is for."""
        return self.schema.description


@dataclass(frozen=True, eq=False)
class VoiceFound:
    """A result that changes whose voice the conversation goes on in, until another one comes."""

    text: str
    """What the model is told."""
    name: str
    """What the voice is called."""
    clip: Audio | None
    """How it sounds, at least a second of speech: flow matching takes its timbre, the model hears its style (paper,
    section 3.1). None for the model's own voice."""


def tool(
    function: Callable[..., object],
    *,
    name: str | None = None,
    sensitive: bool = False,
    untrusted: bool = False,
    harmless: bool = False,
) -> Tool:
    """Make a tool of `function`, from its type hints and its docstring (Google's style, `Args:` for the arguments).

    Arguments are of type str, int, float, bool, Literal, or lists of these; `| None` and defaults make them optional.

    Raises ConfigError for a function that lacks a docstring or a type hint, takes what cannot be written as JSON, or
    documents an argument that it has not.
    """
    name = name or str(getattr(function, "__name__", ""))
    description, described = _read_docstring(inspect.getdoc(function) or "")
    if not description:
        raise ConfigError(f"the tool '{name}' has no docstring; say there what it does, for the model to read")
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    if stray := [argument for argument in described if argument not in parameters]:
        raise ConfigError(f"the tool '{name}' documents {', '.join(stray)}, which it does not take; correct its Args")
    properties: dict[str, Any] = {}
    for argument, parameter in parameters.items():
        where = f"the argument '{argument}' of the tool '{name}'"
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigError(f"{where} cannot be given by name; wanted plain arguments")
        if argument not in hints:
            raise ConfigError(f"{where} has no type hint; wanted {_KINDS}")
        properties[argument] = _schema(hints[argument], parameter.default is None, where)
        if argument in described:
            properties[argument]["description"] = described[argument]
    required = [argument for argument, one in parameters.items() if one.default is one.empty]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Tool(ToolSchema(name, description, schema), function, sensitive, untrusted, harmless)


def _schema(hint: Any, optional: bool, where: str) -> dict[str, Any]:
    """The JSON schema of a type; `optional` allows `| None` in it, which the model says by leaving it out."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if origin is Literal:
        kinds = {type(value) for value in inner}
        kind = kinds.pop()
        if not kinds and kind in _PLAIN:
            return {"type": _PLAIN[kind], "enum": list(inner)}
    if origin is list:
        return {"type": "array", "items": _schema(inner[0], False, where)}
    if origin in (Union, types.UnionType) and optional:
        rest = [one for one in inner if one is not type(None)]
        if len(rest) == 1 < len(inner):
            return _schema(rest[0], False, where)
    raise ConfigError(f"{where} has the type {inspect.formatannotation(hint)}; wanted {_KINDS}")


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The description, on one line, and what is said of each argument."""
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if _HEADING.match(line)), len(lines))
    described: dict[str, str] = {}
    inside, indent, last = False, 0, ""
    for line in lines[start:]:
        if heading := _HEADING.match(line):
            inside, indent = heading[1] in ("Args", "Arguments"), 0
        elif inside and line.strip():
            depth = len(line) - len(line.lstrip())
            indent = indent or depth
            entry = _ENTRY.match(line.strip()) if depth == indent else None
            if entry:
                last = entry[1]
                described[last] = entry[2]
            elif last:
                described[last] = f"{described[last]} {line.strip()}".strip()
    return " ".join(" ".join(lines[:start]).split()), described
