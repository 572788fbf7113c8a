"""Servers that are attached: their tools as ours, from when they were started until they are closed."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, TypeVar

from mcp.types import Tool as ListedTool

from stepwave.facts.errors import ConfigError, ToolError
from stepwave.tools.contract import Tool
from stepwave.tools.mcp.config import McpServer
from stepwave.tools.mcp.connection import MOST_TOOLS, Connection
from stepwave.tools.mcp.listing import chosen, make_tool, unique_names
from stepwave.tools.mcp.results import as_text

_CLOSING_SECONDS: Final = 8.0
"""More than all servers take to end when they have to be killed; they end at the same time."""
_Result = TypeVar("_Result")

# What servers and the SDK have to say is for a program that set up logging, not for the terminal.
for _name in ("mcp", __package__):
    logging.getLogger(_name).addHandler(logging.NullHandler())


class Attached:
    """The tools of MCP servers; a context manager that starts the servers and ends them.

    >>> with Attached(read_servers(Path("mcp.json"))) as servers:
    ...     nano.reply("question.wav", tools=servers.tools, confirm=ask)

    A server that can't be started, and a tool that can't be offered, is told in `problems`; the others work. What the
    model was told of a tool stays as it was at the start, whatever a server lists later.

    Args:
        servers: which servers.
        taken: names that other tools have.
    """

    def __init__(self, servers: Sequence[McpServer], taken: Collection[str] = ()) -> None:
        self._servers, self._taken = servers, taken
        self._connections: list[Connection] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="MCP servers", daemon=True)
        self._closed = False
        self.tools: list[Tool] = []
        """By server, in their order. They may be called from any thread, at the same time."""
        self.problems: list[str] = []
        """A line for each server and tool that is missing."""

    def __enter__(self) -> Attached:
        self._thread.start()
        try:
            self._offer(self._wait(self._open()))
        except BaseException:  # Ctrl-C, while servers are started
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all servers; no process of theirs is left. Calls under way fail."""
        if self._closed:
            return
        self._closed = True
        closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
        try:
            with suppress(TimeoutError):
                closing.result(_CLOSING_SECONDS)
        finally:  # also after a second Ctrl-C
            for connection in self._connections:
                connection.kill()
            with suppress(Exception):
                closing.result(1)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, _Result], seconds: float | None = None) -> _Result:
        """The result of `work` in the servers' event loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    async def _open(self) -> list[list[ListedTool] | str]:
        async def listed(connection: Connection) -> list[ListedTool] | str:
            try:
                return await connection.open()
            except ToolError as error:
                # For the user's eyes; were it told with a call that starts the server again, the model would read it.
                words = connection.last_words
                return f"{error}; its last words: {words}" if words else str(error)

        self._connections = [Connection(server) for server in self._servers]
        return await asyncio.gather(*map(listed, self._connections))

    async def _close(self) -> None:
        await asyncio.gather(*(connection.close() for connection in self._connections))
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:  # calls under way
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._loop.shutdown_asyncgens()

    def _offer(self, lists: Sequence[list[ListedTool] | str]) -> None:
        offered: list[tuple[Connection, ListedTool]] = []
        for connection, listed in zip(self._connections, lists, strict=True):
            server = connection.server
            if isinstance(listed, str):
                self.problems.append(listed)
                continue
            some, problems = chosen(server, listed[:MOST_TOOLS])
            offered += [(connection, tool) for tool in some]
            self.problems += problems
            if len(listed) > MOST_TOOLS:
                self.problems.append(f"the MCP server '{server.name}' has many tools; the first {MOST_TOOLS} are taken")
            if not listed:
                self.problems.append(f"the MCP server '{server.name}' has no tools")
        names = unique_names([(connection.server.name, tool.name) for connection, tool in offered], self._taken)
        for (connection, tool), name in zip(offered, names, strict=True):
            try:
                self.tools.append(make_tool(connection.server, tool, name, self._caller(connection, tool.name)))
            except ConfigError as error:
                self.problems.append(str(error))

    def _caller(self, connection: Connection, tool: str) -> Callable[..., str]:
        def run(**arguments: Any) -> str:
            if self._closed:
                raise ToolError(f"the MCP server '{connection.server.name}' is closed")
            # The call keeps to its own bound; this one is for when the servers are closed at that very moment.
            longest = connection.server.seconds + _CLOSING_SECONDS
            return as_text(self._wait(connection.call(tool, arguments), longest))

        return run
