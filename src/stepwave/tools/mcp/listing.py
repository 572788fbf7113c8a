"""What the model is told of a server's tools: their names, descriptions and schemas, which come from a stranger.

All of it is bounded in length. Nothing can tell a description that helps from one that talks the model into something:
attach servers whose makers you trust.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from mcp.types import Tool as ListedTool

from stepwave.facts.errors import ConfigError, StepwaveError
from stepwave.text.schemas import ToolSchema
from stepwave.tools.contract import Tool
from stepwave.tools.mcp.config import McpServer
from stepwave.tools.runner import ToolRunner

LONGEST_NAME: Final = 64
LONGEST_DESCRIPTION: Final = 1000
LONGEST_SCHEMA: Final = 8000
"""Characters."""
MOST_REFERENCES: Final = 32
"""Of a schema. Each may lead to several others, so that checking takes time that is exponential in their number."""
_OF_NAMES: Final = ("properties", "$defs", "definitions", "dependentSchemas")
"""Keywords whose values hold schemas under names of the author's choice."""
_OF_VALUES: Final = ("enum", "const", "default", "examples")
"""Keywords whose values hold no schemas."""


def chosen(server: McpServer, listed: Sequence[ListedTool]) -> tuple[list[ListedTool], list[str]]:
    """The tools that are offered, and a line for each name in the file that the server does not have."""
    there = [tool.name for tool in listed]
    named = {"tools": server.tools, "sensitive": server.sensitive}
    problems = [
        f"the MCP server '{server.name}' has no tool '{name}', which its {key} name; "
        f"it has: {', '.join(there[:20]) or 'none'}"
        for key, names in named.items()
        if isinstance(names, tuple)
        for name in names
        if name not in there
    ]
    return [tool for tool in listed if server.tools is None or tool.name in server.tools], problems


def unique_names(wanted: Sequence[tuple[str, str]], taken: Collection[str]) -> list[str]:
    """A name for each (server, tool): the tool's own where nobody else has it, else with the server's in front.

    Letters of any script, digits, "_" and "-" are kept, the rest becomes "_".
    """
    plain = [_plain(tool) for _, tool in wanted]
    given: list[str] = []
    for (server, _), name in zip(wanted, plain, strict=True):
        alone = plain.count(name) == 1 and name not in taken
        first = name if alone else _plain(f"{server}_{name}")
        numbered = (f"{first[: LONGEST_NAME - 4]}_{number}" for number in range(2, 1000))
        others = {*taken, *given, *([] if alone else plain)}
        given.append(next(one for one in (first, *numbered) if one not in others))
    return given


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKC", name)
    # Marks belong to the letters before them in many scripts.
    kept = (one if one.isalnum() or one in "_-" or unicodedata.category(one)[0] == "M" else "_" for one in letters)
    plain = "".join(kept).strip("_-")[:LONGEST_NAME]
    return plain if any(one.isalnum() for one in plain) else "tool"


def is_sensitive(server: McpServer, tool: ListedTool) -> bool:
    """Whether a call needs a yes from the user. A server that says a tool only reads is believed."""
    if isinstance(server.sensitive, bool):
        return server.sensitive
    if server.sensitive is not None:
        return tool.name in server.sensitive
    return tool.annotations is None or tool.annotations.read_only_hint is not True


def make_tool(server: McpServer, listed: ListedTool, name: str, run: Callable[..., object]) -> Tool:
    """The tool for the model. Raises ConfigError for a schema that is none, or too long."""
    where = f"the MCP server '{server.name}' has a tool '{_plain(listed.name)}' that is left out"
    try:
        written = json.dumps(listed.input_schema, ensure_ascii=False)
        if len(written) > LONGEST_SCHEMA:
            raise ConfigError(f"its schema has {len(written)} characters; at most {LONGEST_SCHEMA} are told to a model")
        references = written.count('"$ref"') + written.count('"$dynamicRef"')
        if references > MOST_REFERENCES:
            raise ConfigError(f"its schema has {references} references; at most {MOST_REFERENCES} are followed")
        parameters = without_patterns(listed.input_schema)
        description = " ".join((listed.description or listed.title or "").split())
        if len(description) > LONGEST_DESCRIPTION:
            description = description[:LONGEST_DESCRIPTION] + "..."
        sensitive, untrusted = is_sensitive(server, listed), not server.trusted
        tool = Tool(ToolSchema(name, description, parameters), run, sensitive, untrusted)
        ToolRunner([tool])  # refuses a schema that is none
    except StepwaveError as error:
        raise ConfigError(f"{where}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{where}: its schema is nested too deep") from None
    return tool


def without_patterns(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without regular expressions, which the server must check for itself.

    Some take for ever, and Python cannot stop one: with an expression a stranger could halt the whole program.
    """
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("pattern", "patternProperties"):
            continue
        # Properties that a pattern allowed must not be refused for want of it.
        if key in ("additionalProperties", "unevaluatedProperties") and "patternProperties" in schema:
            continue
        if key in _OF_NAMES and isinstance(value, Mapping):
            found[key] = {name: _inside(one) for name, one in value.items()}
        else:
            found[key] = value if key in _OF_VALUES else _inside(value)
    return found


def _inside(value: Any) -> Any:
    if isinstance(value, Mapping):
        return without_patterns(value)
    return [_inside(one) for one in value] if isinstance(value, list) else value
