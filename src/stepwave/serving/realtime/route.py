"""The WebSocket `/v1/realtime`: messages in to a conversation, its events out, and what becomes of it afterwards."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, WebSocket
from starlette.responses import JSONResponse
from starlette.websockets import WebSocketDisconnect, WebSocketState

from stepwave.serving.access import check_access
from stepwave.serving.errors import ApiError
from stepwave.serving.realtime.conversation import Conversation
from stepwave.serving.realtime.registry import TAKEN_OVER, Registry
from stepwave.serving.service import Service

router = APIRouter()
SUBPROTOCOL: Final = "realtime"
GOODBYE: Final = frozenset({1000, 1001})
"""Close codes of a client that leaves by itself; after any other the conversation waits for it."""
FULL, TAKEN_OVER_CODE, IDLE, OVER = 1013, 4409, 4408, 1000
FLUSH_SECONDS: Final = 2.0
"""So long the last events get to leave before a connection is closed."""


@router.websocket("/v1/realtime")
async def realtime(socket: WebSocket) -> None:
    """OpenAI's Realtime protocol. `resume` and `last_event_id` take up a conversation whose connection was lost."""
    service: Service = socket.app.state.service
    registry: Registry = socket.app.state.registry
    try:
        check_access(socket, service.config)
    except ApiError as error:
        await socket.send_denial_response(JSONResponse({"error": error.body()}, error.status))
        return
    offered = socket.headers.get("sec-websocket-protocol", "")
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in [one.strip() for one in offered.split(",")] else None)
    owner = asyncio.current_task()
    assert owner is not None
    try:
        token = socket.query_params.get("resume")
        if token is None:
            conversation = registry.open(owner)
        else:
            conversation = await registry.resume(token, socket.query_params.get("last_event_id"), owner)
    except ApiError as error:
        service.metrics.errors.labels(error.code or "none").inc()
        await _refuse(socket, error)
        return
    service.metrics.connections.inc()
    try:
        await _serve(socket, conversation, registry, owner, service.config.idle_seconds)
    finally:
        service.metrics.connections.dec()


async def _refuse(socket: WebSocket, error: ApiError) -> None:
    await socket.send_json({"type": "error", "event_id": "event_0", "error": {**error.body(), "event_id": None}})
    await socket.close(FULL if error.status == 503 else 1008, (error.code or "refused")[:100])


async def _serve(
    socket: WebSocket, conversation: Conversation, registry: Registry, owner: asyncio.Task[object], idle: float
) -> None:
    sending = asyncio.create_task(_send(socket, conversation))
    receiving = asyncio.create_task(_receive(socket, conversation, idle))
    code, lost = OVER, True
    try:
        done, _ = await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        if receiving in done:
            code, lost = receiving.result()
    except asyncio.CancelledError as error:
        # The registry ends this connection, or the whole server does.
        code, lost = OVER, False
        if error.args == (TAKEN_OVER,):
            code = TAKEN_OVER_CODE
        else:
            await _flush(conversation)
    finally:
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)
        registry.leave(conversation, owner, lost)
        await _close(socket, code)


async def _send(socket: WebSocket, conversation: Conversation) -> None:
    while True:
        number, text = await conversation.outbox.peek()
        try:
            await socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError):  # what starlette raises when the other end is gone
            return
        conversation.outbox.sent(number)


async def _receive(socket: WebSocket, conversation: Conversation, idle: float) -> tuple[int, bool]:
    """Hand on messages until the client leaves; the code to close with, and whether it may come back."""
    while True:
        # A client that does not read what its messages bring is not read from either.
        try:
            async with asyncio.timeout(idle):
                await conversation.outbox.room()
                message = await socket.receive()
        except TimeoutError:
            conversation.complain(ApiError(f"nothing came for {idle:g} s; the session ends", code="session_idle"))
            await _flush(conversation)
            return IDLE, False
        if message["type"] == "websocket.disconnect":
            return OVER, message.get("code") not in GOODBYE
        text = message.get("text")
        await conversation.handle(text if text is not None else message["bytes"])


async def _flush(conversation: Conversation) -> None:
    """Wait a little until what was put last is sent."""
    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            while conversation.outbox.unsent:
                await asyncio.sleep(0.02)
    except TimeoutError:
        return


async def _close(socket: WebSocket, code: int) -> None:
    if WebSocketState.DISCONNECTED in (socket.client_state, socket.application_state):
        return
    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            await socket.close(code)
    except (RuntimeError, TimeoutError):  # gone meanwhile, or not reading
        return
