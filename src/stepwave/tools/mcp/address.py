"""The way to a server at an address: streamable HTTP, or the older HTTP with server-sent events.

Requests go to the address of the file alone: the SDK follows a redirect only to the same scheme, host and port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx2
from mcp.client import Transport
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from stepwave.tools.mcp.config import McpServer
from stepwave.tools.mcp.program import LONGEST_MESSAGE

_TIMEOUT: Final = httpx2.Timeout(30.0, read=300.0)
"""Seconds. A stream may be silent for long; how long a call may take is bounded where it is made."""


class Address:
    """A server's address."""

    def __init__(self, server: McpServer) -> None:
        self._server = server
        self.status: int | None = None
        """The last HTTP status that told of an error; None while there was none."""

    def streams(self) -> Transport:
        """What it sends, and where it is sent messages. Entering raises httpx2.HTTPError if it can't be reached."""
        address, headers = self._server.url, dict(self._server.headers)
        assert address is not None
        if self._server.sse:
            return sse_client(address, headers, httpx_client_factory=self._client)
        return self._streamable(address, headers)

    @asynccontextmanager
    async def _streamable(self, address: str, headers: dict[str, str]) -> AsyncIterator[Any]:
        async with (
            self._client(headers) as client,
            streamable_http_client(address, http_client=client, max_sse_event_size=LONGEST_MESSAGE) as streams,
        ):
            yield streams

    def _client(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            # A small compressed answer could become a huge one.
            headers={**(headers or {}), "Accept-Encoding": "identity"},
            timeout=timeout or _TIMEOUT,
            auth=auth,
            event_hooks={"response": [self._bound]},
        )

    async def _bound(self, response: httpx2.Response) -> None:
        if response.status_code >= 400:
            self.status = response.status_code
        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx2.DecodingError("a compressed answer came, which was not asked for", request=response.request)
        # Of a stream, the SDK bounds each event.
        kind = response.headers.get("content-type", "").lower()
        if response.status_code != 200 or not kind.startswith("text/event-stream"):
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _Bounded(response.stream)


class _Bounded(httpx2.AsyncByteStream):
    """A response's body that ends with an error where it is too long."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > LONGEST_MESSAGE:
                raise httpx2.StreamError(f"more than {LONGEST_MESSAGE} bytes came in one message")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
