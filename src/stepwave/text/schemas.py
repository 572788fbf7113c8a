"""The list of tools a model may call, written as the `tool_json_schemas` turn and read back.

Entries have the form `{"type": "function", "function": {"name", "description", "parameters"}}` with a JSON schema for
the parameters (reference facts 4.5). What a tool does, and the checking of arguments, is the business of `tools`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepwave.facts.conversation import Message
from stepwave.facts.errors import MarkupError
from stepwave.text.markup import write_json


@dataclass(frozen=True)
class ToolSchema:
    """What the model is told about one tool.

    Raises MarkupError if the name is empty or has a line break, or the parameters describe no JSON object.
    """

    name: str
    """What the model writes to call it; one line."""
    description: str
    """What it is for, in the language of the conversation."""
    parameters: Mapping[str, Any]
    """JSON schema of the arguments; its type is "object"."""

    def __post_init__(self) -> None:
        if not self.name or self.name != self.name.strip() or "\n" in self.name or "\r" in self.name:
            raise MarkupError(f"got the tool name {self.name!r}; wanted one line of text: rename the tool")
        if self.parameters.get("type") != "object":
            raise MarkupError(
                f"the parameters of tool '{self.name}' have the type {self.parameters.get('type')!r}; "
                'wanted a JSON schema with "type": "object"'
            )

    def entry(self) -> dict[str, Any]:
        """The tool's entry in the list."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.parameters)}
        return {"type": "function", "function": function}


def tool_schemas_message(tools: Sequence[ToolSchema]) -> Message:
    """The turn that declares `tools`; it stands between the system turn and the first human turn.

    Raises MarkupError if two tools share a name or a schema cannot be written as JSON.
    """
    names = [tool.name for tool in tools]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise MarkupError(f"several tools are called {', '.join(repeated)}; each needs its own name")
    return Message("tool_json_schemas", write_json([tool.entry() for tool in tools]))


def read_tool_schemas(text: str) -> list[ToolSchema]:
    """Read the content of such a turn back.

    Raises MarkupError if it is not JSON or an entry lacks what a tool needs.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MarkupError(f"the tool list is not JSON ({error}); wanted a JSON array of tools") from error
    if not isinstance(entries, list):
        raise MarkupError(f"the tool list is a JSON {type(entries).__name__}; wanted an array of tools")
    return [_read_entry(entry, number) for number, entry in enumerate(entries, start=1)]


def _read_entry(entry: object, number: int) -> ToolSchema:
    function = entry.get("function") if isinstance(entry, dict) else None
    if not isinstance(function, dict):
        raise MarkupError(
            f'tool {number} of the list has no "function" object; wanted name, description and parameters'
        )
    name, description = function.get("name"), function.get("description", "")
    parameters = function.get("parameters", {"type": "object", "properties": {}})
    if not isinstance(name, str) or not isinstance(description, str) or not isinstance(parameters, dict):
        raise MarkupError(
            f"tool {number} of the list wants a text name, a text description and an object of parameters"
        )
    return ToolSchema(name, description, parameters)
