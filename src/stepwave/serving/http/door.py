"""Who gets in to the model, how much they may send, and what happens when they leave.

Works below the routes, since all three come before or beside what a route sees: a request that finds no room is told
so before its body is read; a body is counted while it comes in; and a client that goes away ends its answer, streamed
or not.
"""

from __future__ import annotations

from typing import Final

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stepwave.serving.admission import check_admission
from stepwave.serving.errors import ApiError
from stepwave.serving.service import Service

BODY_SECONDS: Final = 60.0
"""A body must be here after so long."""
DRAINED_BYTES: Final = 64 * 1024 * 1024
"""So much more of a refused body is read and dropped: a connection that is closed on someone who still sends is reset,
and the answer that says why is lost with it."""
DRAIN_SECONDS: Final = 10.0
CLIENT_GONE: Final = 499
"""The usual status, in logs and figures, of a request whose client went away."""


class Door:
    """ASGI middleware for every POST below `/v1/`; all else passes.

    Raises ApiError, for whoever stands outside to answer: 503 while the server stops or memory is full, 429 where
    `most_requests` are at work, 413 over `most_upload_bytes`, 408 for a body that does not come, 499 for a client gone.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or raise; see the class."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        try:
            check_admission(self._service)
            self._check_room()
        except ApiError:
            await _drain(scope, receive)
            raise
        self._at_work += 1
        try:
            await self._answer(scope, await self._body(scope, receive), receive, send)
        finally:
            self._at_work -= 1

    def _check_room(self) -> None:
        if self._at_work >= self._service.config.most_requests:
            raise ApiError(
                f"{self._at_work} requests are at work or waiting already, and no more are taken; try again later",
                429, "rate_limit_exceeded", kind="rate_limit_error", retry_after=1,
            )  # fmt: skip

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        most = self._service.config.most_upload_bytes
        too_large = ApiError(
            f"the request's body has more than the {most:,} bytes that are taken; "
            "send a shorter recording, or store it as flac or mp3",
            413, "too_large",
        )  # fmt: skip
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > most:
            await _drain(scope, receive)
            raise too_large
        body = bytearray()
        try:
            with anyio.fail_after(BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _gone()
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > most:
                        if more:
                            await _drain(scope, receive)
                        raise too_large
                    if not more:
                        return bytes(body)
        except TimeoutError as error:
            raise ApiError(
                f"the request's body was not complete after {BODY_SECONDS:g} s; send it again", 408, "timeout"
            ) from error

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Let the routes answer, until they are done or the client is gone."""
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        begun = False
        failure: Exception | None = None

        async def given() -> Message:
            if waiting:
                return waiting.pop()
            await anyio.sleep_forever()  # a client that goes away is seen by `watch`
            raise AssertionError

        async def told(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            try:
                await self._app(scope, given, told)
            except Exception as error:  # a task group would wrap it
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if not begun:
            raise _gone()


def _gone() -> ApiError:
    return ApiError("the client went away before it was answered", CLIENT_GONE, "client_gone")


async def _drain(scope: Scope, receive: Receive) -> None:
    """Read and drop what the client still sends, within bounds; one that asks before it sends is not made to."""
    if any(name == b"expect" for name, _ in scope["headers"]):
        return
    dropped = 0
    with anyio.move_on_after(DRAIN_SECONDS):
        while dropped < DRAINED_BYTES:
            message = await receive()
            dropped += len(message.get("body", b""))
            if not message.get("more_body", False):
                return
