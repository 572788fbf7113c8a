"""A stand-in for the Realtime server: gives out the page, and a test plays the protocol's other side by hand."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, Response
from starlette.websockets import WebSocketDisconnect

from stepwave.serving.errors import ApiError
from stepwave.serving.page.page import page_file, router

PATIENCE = 20.0
"""Seconds until a test gives up on something that should have happened; nothing is judged by how long it took."""
RATE = 24_000
TOKEN = "page-token"


# The page's own worklet, which also tells what it puts out, block by block.
TAPPED_WORKLET = """
registerProcessor("playback", class extends Playback {
  process(inputs, outputs) {
    const going = super.process(inputs, outputs);
    if (outputs[0][0].some((sample) => sample !== 0)) this.sounded = true;
    if (this.sounded) this.port.postMessage({ type: "tap", samples: outputs[0][0].slice() });
    return going;
  }
});
"""


@dataclass
class StandIn:
    """Plays the server's side of the protocol, an event at a time, from the test's thread."""

    port: int = 0
    wanted_token: str | None = None
    resumable: bool = True
    unlisted: list[dict[str, Any]] = field(default_factory=list)
    """Voices that are found alone: by a word of their descriptions, or by name."""
    searched: list[str] = field(default_factory=list)
    """What voices were searched by."""
    received: list[dict[str, Any]] = field(default_factory=list)
    dialled: list[dict[str, str]] = field(default_factory=list)
    """The query of each connection, in order, with its subprotocols under "protocols"."""
    loop: asyncio.AbstractEventLoop | None = None
    socket: WebSocket | None = None
    count: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tell(self, kind: str, **fields: Any) -> str:
        """Send an event to the page, and return its id."""
        self.count += 1
        event = {"type": kind, "event_id": f"event_{self.count}", **fields}
        assert self.loop is not None
        assert self.socket is not None
        asyncio.run_coroutine_threadsafe(self.socket.send_json(event), self.loop).result(PATIENCE)
        return str(event["event_id"])

    def drop(self, code: int = 1012) -> None:
        """Break the connection."""
        assert self.loop is not None
        assert self.socket is not None
        asyncio.run_coroutine_threadsafe(self.socket.close(code), self.loop).result(PATIENCE)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of a type that came from the page so far."""
        return [event for event in list(self.received) if event["type"] == kind]

    def wait(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The `count`-th event of a type from the page, once it is there."""
        until(lambda: len(self.of(kind)) >= count, f"{count} of {kind}")
        return self.of(kind)[count - 1]

    def answer(self, words: str, samples: np.ndarray[Any, Any], item: str = "item_a", chunk: int = 2400) -> None:
        """A whole spoken answer: its sound (PCM16 [n]) in pieces of `chunk` samples."""
        response = f"resp_{item}"
        self.begin(item)
        for start in range(0, len(samples), chunk):
            self.sound(samples[start : start + chunk], item)
        self.words(words, item)
        place = {"response_id": response, "item_id": item, "content_index": 0, "output_index": 0}
        self.tell("response.output_audio.done", **place)
        self.tell("response.output_audio_transcript.done", **place, transcript=words)
        self.done("completed", item)

    def begin(self, item: str) -> None:
        self.tell("response.created", response={"id": f"resp_{item}", "status": "in_progress", "output": []})
        message = {"id": item, "type": "message", "role": "assistant", "content": []}
        self.tell("response.output_item.added", response_id=f"resp_{item}", output_index=0, item=message)

    def sound(self, samples: np.ndarray[Any, Any], item: str, response: str | None = None) -> None:
        delta = base64.b64encode(samples.astype("<i2").tobytes()).decode()
        place = {"response_id": response or f"resp_{item}", "item_id": item, "content_index": 0, "output_index": 0}
        self.tell("response.output_audio.delta", **place, delta=delta)

    def words(self, words: str, item: str) -> None:
        place = {"response_id": f"resp_{item}", "item_id": item, "content_index": 0, "output_index": 0}
        self.tell("response.output_audio_transcript.delta", **place, delta=words)

    def done(self, status: str, item: str, **details: Any) -> None:
        output = [{"id": item, "type": "message", "role": "assistant", "content": []}]
        response = {"id": f"resp_{item}", "status": status, "output": output, "status_details": details or None}
        self.tell("response.done", response=response)
        self.tell("rate_limits.updated", rate_limits=[])

    def sound_received(self) -> np.ndarray[Any, Any]:
        """All sound that the page appended, PCM16 [n]."""
        pieces = [base64.b64decode(event["audio"]) for event in self.of("input_audio_buffer.append")]
        return np.frombuffer(b"".join(pieces), dtype="<i2")


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until `condition()` holds; fails after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


def build(stand_in: StandIn) -> FastAPI:
    app = FastAPI()

    @app.get("/page/playback-worklet.js")
    async def tapped_worklet(request: Request) -> Response:
        file = await page_file(request, "playback-worklet.js")
        source = bytes(file.body).decode().replace('registerProcessor("playback", Playback);', TAPPED_WORKLET)
        assert TAPPED_WORKLET in source
        return Response(source, media_type="text/javascript")

    app.include_router(router)

    @app.exception_handler(ApiError)
    async def told(_: Request, error: ApiError) -> JSONResponse:
        return JSONResponse({"error": error.body()}, error.status)

    def refused(request: Request) -> bool:
        return stand_in.wanted_token not in (None, request.headers.get("authorization", "").removeprefix("Bearer "))

    @app.get("/v1/models")
    async def models(request: Request) -> JSONResponse:
        return JSONResponse({"data": [{"id": "tiny"}]}, 401 if refused(request) else 200)

    @app.get("/v1/stepwave/voices")
    async def voices(query: str | None = None) -> dict[str, Any]:
        if query is not None:
            stand_in.searched.append(query)
            fit = [voice for voice in stand_in.unlisted if query in (voice["name"], *voice["description"].split())]
            return {"voices": fit, "more": False}
        alice = {"name": "alice", "description": "warm, low", "default": True}
        listed = [alice, {"name": "bob", "description": "bright"}, {"name": "chen", "description": "calm and bright"}]
        return {"voices": listed, "more": bool(stand_in.unlisted)}

    @app.websocket("/v1/realtime")
    async def realtime(socket: WebSocket) -> None:
        protocols = socket.headers.get("sec-websocket-protocol", "")
        stand_in.dialled.append({**socket.query_params, "protocols": protocols})
        await socket.accept("realtime")
        stand_in.loop = asyncio.get_running_loop()
        resumes = "resume" in socket.query_params
        if resumes and not stand_in.resumable:
            refusal = {"message": "no session waits under this token", "code": "session_not_found"}
            await socket.send_json({"type": "error", "event_id": "event_0", "error": refusal})
            await socket.close(1008)
            return
        if not resumes:
            session = {"id": f"sess_{len(stand_in.dialled)}", "stepwave": {"resume": "come-back"}, "audio": {}}
            await socket.send_json({"type": "session.created", "event_id": "event_0", "session": session})
        stand_in.socket = socket
        try:
            while True:
                event = await socket.receive_json()
                stand_in.received.append(event)
                if event["type"] == "session.update":
                    stand_in.count += 1
                    updated = {"type": "session.updated", "event_id": f"event_{stand_in.count}"}
                    await socket.send_json({**updated, "session": event["session"]})
        except (WebSocketDisconnect, RuntimeError):
            return

    return app


@contextmanager
def served(stand_in: StandIn) -> Iterator[StandIn]:
    config = uvicorn.Config(
        build(stand_in), port=0, log_config=None, ws="websockets-sansio", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    until(lambda: server.started, "the stand-in to start")
    stand_in.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield stand_in
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
