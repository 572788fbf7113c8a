"""Tools for as long as they are needed: those that are installed, and those of MCP servers, which have to be ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stepwave.facts.errors import MissingExtraError
from stepwave.tools.contract import Tool
from stepwave.tools.registry import find_tools
from stepwave.tools.voices.places import LibraryPlace


@contextmanager
def open_tools(
    names: str | None, mcp_file: Path | None = None, libraries: Sequence[LibraryPlace] | None = ()
) -> Iterator[tuple[list[Tool], list[str]]]:
    """Tools, and a line for each that is missing. The MCP servers end when the context is left.

    Args:
        names: of installed tools, as `FoundTools.choose` takes them; None for none.
        mcp_file: an `mcp.json`, all of whose servers are attached; None for none.
        libraries: voice libraries that are searched for voices, as `find_tools` takes them.

    Raises RegistryError for a name that nobody has, ConfigError for a file that cannot be used, MissingExtraError where
    it asks for MCP and the SDK is not installed.
    """
    tools: list[Tool] = []
    problems: list[str] = []
    if names is not None:
        found = find_tools(libraries)
        tools += found.choose(names)
        problems += found.problems
    if mcp_file is None:
        yield tools, problems
        return
    try:
        from stepwave.tools.mcp.attached import Attached
        from stepwave.tools.mcp.config import read_servers
    except ModuleNotFoundError as error:
        raise MissingExtraError("tools", error.name) from None
    with Attached(read_servers(mcp_file), [tool.name for tool in tools]) as servers:
        yield [*tools, *servers.tools], [*problems, *servers.problems]
