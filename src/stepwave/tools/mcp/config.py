"""Which MCP servers there are: a file `mcp.json`, as other programs have it, with a few keys of our own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from stepwave.facts.errors import ConfigError
from stepwave.tools.runner import SECONDS

START_SECONDS: Final = 30.0
_LARGEST_FILE: Final = 1024 * 1024
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_NAMES: Final = {"type": "array", "items": {"type": "string"}}
_SECONDS: Final = {"type": "number", "exclusiveMinimum": 0, "maximum": 3600}
_WITHOUT_EFFECT: Final = ("alwaysAllow", "autoApprove", "description", "timeout")
"""Keys of other programs. None of them lets a tool run that is not let run here."""
_KEYS: Final = {
    "type": {"enum": ["stdio", "http", "streamable-http", "streamableHttp", "sse"]},
    "command": {"type": "string", "minLength": 1},
    "args": _NAMES,
    "env": _TEXTS,
    "cwd": {"type": "string"},
    "url": {"type": "string"},
    "headers": _TEXTS,
    "disabled": {"type": "boolean"},
    "tools": _NAMES,
    "sensitive": {"anyOf": [{"type": "boolean"}, _NAMES]},
    "trusted": {"type": "boolean"},
    "seconds": _SECONDS,
    "start_seconds": _SECONDS,
    **{key: {} for key in _WITHOUT_EFFECT},
}
_SERVER: Final = {"type": "object", "additionalProperties": False, "properties": _KEYS}
_FILE: Final = {
    "type": "object",
    "required": ["mcpServers"],
    "properties": {
        "mcpServers": {
            "type": "object",
            "maxProperties": 32,
            "propertyNames": {"minLength": 1, "maxLength": 64},
            "additionalProperties": _SERVER,
        }
    },
}
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class McpServer:
    """A server to attach: a program that is started, or an address."""

    name: str
    """What the file calls it."""
    command: tuple[str, ...] = ()
    """The program and its arguments; empty for a server with an address."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What the program finds in its environment, beside the few variables that every program needs."""
    cwd: Path | None = None
    """The program's working folder; None for ours."""
    url: str | None = None
    """The address, of HTTP or HTTPS; None for a program."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What is sent with each request to the address."""
    sse: bool = False
    """Whether the address speaks the older transport (HTTP with server-sent events) in place of streamable HTTP."""
    tools: tuple[str, ...] | None = None
    """Its tools that are offered, by the names it gives them; None for all."""
    sensitive: bool | tuple[str, ...] | None = None
    """Whether a call needs a yes from the user: of all tools, none, or those named. None: of each tool that the server
    does not call read-only."""
    trusted: bool = False
    """Whether its results hold nothing that strangers said or wrote, so that the model may call on after them."""
    seconds: float = SECONDS
    """How long a call may take."""
    start_seconds: float = START_SECONDS
    """How long it may take to start and to list its tools."""


def read_servers(path: Path) -> list[McpServer]:
    """The servers of a file, without those that are disabled.

    `${NAME}` and `${NAME:-otherwise}` in commands, arguments, environments, folders, addresses and headers stand for
    environment variables, so that secrets need not be in the file.

    Raises ConfigError, with the key, for a file that cannot be read or does not have this form.
    """
    content = _read(path)
    _check(path, content)
    servers = content["mcpServers"].items()
    return [_server(path, name, entry) for name, entry in servers if not entry.get("disabled", False)]


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ConfigError(f"{path} is larger than {_LARGEST_FILE} bytes; wanted a list of MCP servers")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the MCP servers of {path} ({error.strerror or error}); "
            'wanted a file such as {"mcpServers": {"weather": {"command": "weather-server"}}}'
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON ({error}); correct it, or write it anew") from None


def _check(path: Path, content: Any) -> None:
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(_FILE).iter_errors(content):
        place = ".".join(str(part) for part in error.path)
        # What a wrong value is may be a secret.
        what = {"type": f"wanted a JSON {error.validator_value}", "required": 'wanted the key "mcpServers"'}.get(
            str(error.validator), error.message
        )
        known = f"; known keys: {', '.join(_KEYS)}" if error.validator == "additionalProperties" else ""
        raise ConfigError(f"{path}: {f'{place}: ' if place else ''}{what}{known}")
    for name, entry in content["mcpServers"].items():
        local, kind = "command" in entry, entry.get("type", "stdio" if "command" in entry else "http")
        if local == ("url" in entry):
            raise ConfigError(f"{path}: mcpServers.{name} has {'both' if local else 'neither'} of command and url; "
                              "wanted one of them: a program to start, or an address")  # fmt: skip
        if local != (kind == "stdio"):
            raise ConfigError(f"{path}: mcpServers.{name}.type is {kind}; wanted stdio with a command, http with a url")
        if misplaced := [key for key in (("headers",) if local else ("args", "env", "cwd")) if key in entry]:
            raise ConfigError(f"{path}: mcpServers.{name}.{misplaced[0]} does not go with "
                              f"{'command' if local else 'url'}; leave it out")  # fmt: skip


def _server(path: Path, name: str, entry: Mapping[str, Any]) -> McpServer:
    where = f"{path}: mcpServers.{name}"

    def filled(key: str, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            found = os.environ.get(match[1], match[2])
            if found is None:
                raise ConfigError(f"{where}.{key}: the environment variable {match[1]} is not set; set it")
            return found

        return _VARIABLE.sub(value, text)

    def texts(key: str) -> dict[str, str]:
        return {part: filled(f"{key}.{part}", text) for part, text in entry.get(key, {}).items()}

    program = [("command", entry["command"])] if "command" in entry else []
    program += [("args", text) for text in entry.get("args", ())]
    url = filled("url", entry["url"]) if "url" in entry else None
    if url is not None:
        _check_address(f"{where}.url", url)
    sensitive = entry.get("sensitive")
    return McpServer(
        name,
        tuple(filled(key, text) for key, text in program),
        texts("env"),
        # A relative folder is one beside the file, wherever the program was started.
        path.parent / filled("cwd", entry["cwd"]) if "cwd" in entry else None,
        url,
        texts("headers"),
        entry.get("type") == "sse",
        tuple(entry["tools"]) if "tools" in entry else None,
        tuple(sensitive) if isinstance(sensitive, list) else sensitive,
        entry.get("trusted", False),
        entry.get("seconds", SECONDS),
        entry.get("start_seconds", START_SECONDS),
    )


def _check_address(where: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ConfigError(f"{where}: wanted an address of http:// or https://")
