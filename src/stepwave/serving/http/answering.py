"""From the model's thread to a client: an iterator taken event by event, and streams that end when nobody listens."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any, TypeVar

import anyio
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from stepwave.serving.errors import api_error
from stepwave.serving.service import Service

_T = TypeVar("_T")


def events_of(service: Service, make: Callable[[], Iterator[_T]]) -> aclosing[AsyncGenerator[_T]]:
    """What `make` yields in the model's thread, for `async with`; leaving it closes the iterator there.

    Raises as `Turns.stream`.
    """
    return aclosing(service.turns.stream(make))


class Streamed(StreamingResponse):
    """A response whose body is made while it is sent; however it ends, the stream behind it is closed."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes], media_type: str) -> None:
        super().__init__(_chain(first, rest), media_type=media_type, headers={"Cache-Control": "no-store"})
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; see the class."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            # The client may be gone, and this task cancelled: closing is to happen all the same.
            with anyio.CancelScope(shield=True):
                await self._rest.aclose()


async def streamed(body: AsyncGenerator[bytes], media_type: str) -> Streamed:
    """Begin to send `body` once its first piece is there: what fails before gets a status of its own."""
    return Streamed(await anext(body, b""), body, media_type)


async def streamed_events(events: AsyncGenerator[dict[str, Any]], done: bool = False) -> Streamed:
    """Send `events` as server-sent events, with OpenAI's closing `[DONE]` where `done`.

    What fails after the first event is told as an `error` event, which OpenAI's clients raise.
    """
    return await streamed(_lines(await anext(events, None), events, done), "text/event-stream")


async def _lines(
    first: dict[str, Any] | None, rest: AsyncGenerator[dict[str, Any]], done: bool
) -> AsyncGenerator[bytes]:
    async with aclosing(rest):
        try:
            if first is not None:
                yield _line(first)
            async for event in rest:
                yield _line(event)
        except Exception as error:
            yield _line({"error": api_error(error).body()})
            return
        if done:
            yield b"data: [DONE]\n\n"


def _line(event: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece
