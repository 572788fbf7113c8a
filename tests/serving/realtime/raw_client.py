"""A client of the Realtime protocol that is no library: it sends what a test wants, wrong things too."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from ..conftest import TOKEN, Running

TEXT_TURN = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Well?"}]}


def dial(server: Running, query: str = "", token: str = TOKEN, **headers: str) -> connect:
    return connect(
        f"ws://{server.address}/v1/realtime?model=nano{query}",
        additional_headers={"Authorization": f"Bearer {token}", **headers},
        max_size=None,
        open_timeout=None,  # `run` bounds it: a loaded machine is no fault
    )


def run(talk: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(seconds):
            return await talk()

    return asyncio.run(bounded())


async def receive(socket: ClientConnection) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(await socket.recv())
    return event


async def until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    events = [await receive(socket)]
    while events[-1]["type"] != kind:
        events.append(await receive(socket))
    return events


async def send(socket: ClientConnection, kind: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, **fields}))


async def ask(socket: ClientConnection) -> None:
    await send(socket, "conversation.item.create", item=TEXT_TURN)
    await send(socket, "response.create")


def told(events: list[dict[str, Any]]) -> bytes:
    deltas = (event["delta"] for event in events if event["type"] == "response.output_audio.delta")
    return b"".join(base64.b64decode(delta) for delta in deltas)
