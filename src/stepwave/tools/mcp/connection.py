"""A server: started, asked for its tools, called, and started again when it has ended. All in one event loop."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import httpx2
from mcp import Client, MCPError
from mcp.types import (
    CONNECTION_CLOSED,
    INVALID_REQUEST,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    Implementation,
    PaginatedRequestParams,
    Tool,
)
from pydantic import ValidationError

from stepwave import __version__
from stepwave.facts.errors import ToolError
from stepwave.tools.mcp.address import Address
from stepwave.tools.mcp.config import McpServer
from stepwave.tools.mcp.program import Program

MOST_TOOLS: Final = 128
"""Of one server that are offered."""
_MOST_PAGES: Final = MOST_TOOLS
_MOST_STARTS: Final = 4
_STARTS_SECONDS: Final = 60.0
"""A server is started so many times in so many seconds, and then no more for a while."""
_LONGEST_REASON: Final = 300
_PROGRAM_SECONDS: Final = 6.0
"""A program has been killed by then if it did not end by itself."""
_ADDRESS_SECONDS: Final = 2.0
"""So long an address may take to take note that a session is over."""


class Connection:
    """The way to one server."""

    def __init__(self, server: McpServer) -> None:
        self.server = server
        self._way: Program | Address | None = None
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._starting = asyncio.Lock()
        self._starts: deque[float] = deque(maxlen=_MOST_STARTS)

    async def open(self) -> list[Tool]:
        """Start it and list its tools; of more than `MOST_TOOLS`, one more than these.

        Raises ToolError where that fails or takes more than `start_seconds`.
        """
        now = time.monotonic()
        if len(self._starts) == _MOST_STARTS and now - self._starts[0] < _STARTS_SECONDS:
            raise ToolError(f"{self._called} ended {_MOST_STARTS} times within a minute; it is not started again yet")
        self._starts.append(now)
        await self.close()
        self._stop = stop = asyncio.Event()
        self._way = way = Address(self.server) if self.server.url is not None else Program(self.server, ended=stop.set)
        opened: asyncio.Future[list[Tool]] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._stay(way, stop, opened))
        try:
            async with asyncio.timeout(self.server.start_seconds):
                return await opened
        except TimeoutError:
            reason = f"it did not list its tools within {self.server.start_seconds:g} s"
        except Exception as error:  # whatever a foreign program or address answers
            reason = _reason(error)
        await self.close()
        if isinstance(way, Address) and way.status is not None:
            reason += f" (HTTP status {way.status})"
        raise ToolError(f"{self._called} could not be started: {reason}")

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """What it answers; it is started before if it has ended.

        Raises ToolError for what went wrong. A call that takes more than `seconds` is cancelled.
        """
        # Not by the SDK's `call_tool`, which would run the server's patterns over the result (`listing` tells why not).
        request = CallToolRequest(params=CallToolRequestParams(name=tool, arguments=dict(arguments)))
        try:
            async with asyncio.timeout(self.server.seconds):
                client = await self._opened()
                return await client.session.send_request(request, CallToolResult)
        except TimeoutError:
            raise ToolError(f"{self._called} gave no answer within {self.server.seconds:g} s") from None
        except MCPError as error:
            # To the SDK, a session that a server at an address has forgotten is an invalid request.
            forgotten = error.code == INVALID_REQUEST and isinstance(self._way, Address)
            if error.code != CONNECTION_CLOSED and not forgotten:
                raise ToolError(f"{self._called} refused: {_short(error.message)}") from None
            self._stop.set()
            if isinstance(self._way, Address):
                raise ToolError(f"{self._called} gave no answer: {_short(error.message)}") from None
            why = f": {self._way.fault}" if self._way and self._way.fault else ""
            raise ToolError(f"{self._called} ended before it answered{why}") from None
        except ValidationError:
            raise ToolError(f"{self._called} answered with what is no result of a tool") from None

    async def close(self) -> None:
        """End it. Does nothing where it has not been started."""
        self._stop.set()
        if self._task is not None:
            if self._client is None:  # still being started
                self._task.cancel()
            local = isinstance(self._way, Program)
            await asyncio.wait([self._task], timeout=_PROGRAM_SECONDS if local else _ADDRESS_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1)
            self._task = None

    def kill(self) -> None:
        """End its program at once, from any thread."""
        if isinstance(self._way, Program):
            self._way.kill()

    @property
    def last_words(self) -> str:
        """What its program wrote last to standard error, on one line; "" for nothing, and for an address."""
        return _short(self._way.last_words) if isinstance(self._way, Program) else ""

    @property
    def _called(self) -> str:
        return f"the MCP server '{self.server.name}'"

    async def _opened(self) -> Client:
        async with self._starting:
            if self._client is None or self._stop.is_set():
                await self.open()
            assert self._client is not None
            return self._client

    async def _stay(self, way: Program | Address, stop: asyncio.Event, opened: asyncio.Future[list[Tool]]) -> None:
        """Hold the connection until `stop`; in one task, since the SDK must leave where it entered."""
        try:
            own = Implementation(name="stepwave", version=__version__)
            async with Client(way.streams(), client_info=own, cache=None) as client:
                listed = await _list_tools(client)
                self._client = client
                if not opened.done():  # whoever asked may have lost patience
                    opened.set_result(listed)
                await stop.wait()
        except asyncio.CancelledError:
            opened.cancel()
            raise
        except Exception as error:
            # Later it means that the connection broke; whoever waits for an answer is told by the SDK.
            if not opened.done():
                opened.set_exception(error)
        finally:
            self._client = None
            stop.set()


async def _list_tools(client: Client) -> list[Tool]:
    found: list[Tool] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await client.session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        found += page.tools
        cursor = page.next_cursor
        if cursor is None or len(found) > MOST_TOOLS:
            break
    return found[: MOST_TOOLS + 1]


def _reason(error: BaseException) -> str:
    """What went wrong, without the groups and layers around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, MCPError):
        return "it ended" if error.code == CONNECTION_CLOSED else f"it answered: {_short(error.message)}"
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror or str(error)
    if isinstance(error, httpx2.HTTPError):
        return _short(str(error)) or type(error).__name__
    if isinstance(error, ValidationError):
        return "it answered with what is no list of tools"
    return f"{type(error).__name__}: {_short(str(error))}"


def _short(text: str) -> str:
    """On one line, and not too long: what a server wrote may be anything."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: 2 * _LONGEST_REASON])
    return " ".join(line.split())[:_LONGEST_REASON]
