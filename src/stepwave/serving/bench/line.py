"""A simulated speaker's connection: OpenAI's Realtime protocol over a plain WebSocket, every event timed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from stepwave.facts.errors import ConfigError, ServiceError
from stepwave.serving.bench.microphone import Microphone
from stepwave.serving.config import MEBIBYTE
from stepwave.serving.realtime.audio_formats import AudioFormat
from stepwave.serving.turn_taking.settings import TurnSettings

OPENING_SECONDS: Final = 30.0
_PATH: Final = "/v1/realtime"
_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True)
class Place:
    """Where a server is, and how it lets one in."""

    url: str
    """`ws://host:port`, or `http`; the path of the protocol is added where there is none."""
    token: str | None = None
    model: str = "nano"

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ConfigError(f"got the address '{self.url}'; wanted one as ws://127.0.0.1:8000")

    @property
    def realtime(self) -> str:
        """The address of the protocol."""
        parts = urlsplit(self.url)
        query = parts.query or urlencode({"model": self.model})
        path = parts.path if parts.path.strip("/") else _PATH
        return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, query, ""))

    @property
    def metrics(self) -> str:
        """The address of the server's figures."""
        parts = urlsplit(self.url)
        secure = _SCHEMES[parts.scheme] == "wss"
        return urlunsplit(("https" if secure else "http", parts.netloc, "/metrics", "", ""))

    @property
    def headers(self) -> dict[str, str]:
        """What shows the token."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}


class RefusedError(ServiceError):
    """The server has no room for this connection now; `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LineLostError(ServiceError):
    """The connection ended without our doing."""


class Heard(NamedTuple):
    """An event, and when it arrived by `time.monotonic`."""

    at: float
    event: Mapping[str, Any]


class Line:
    """An open connection whose microphone is on."""

    def __init__(self, socket: ClientConnection, random: np.random.Generator) -> None:
        self.microphone = Microphone(socket.send, random)
        self._socket = socket
        self._heard: asyncio.Queue[Heard | None] = asyncio.Queue()

    async def next(self, until: float) -> Heard | None:
        """The next event; None if none came until that time. Raises LineLostError."""
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                heard = await self._heard.get()
        except TimeoutError:
            return None
        if heard is None:
            raise LineLostError(f"the connection was closed ({self._socket.close_code}: {self._socket.close_reason})")
        return heard

    async def send(self, event: Mapping[str, Any]) -> None:
        """Send an event. Raises LineLostError."""
        try:
            await self._socket.send(json.dumps(event))
        except ConnectionClosed as error:
            raise LineLostError(f"the connection was closed ({error})") from None

    async def listen(self) -> None:
        """Take in events until the connection ends."""
        try:
            while True:
                text = await self._socket.recv()
                self._heard.put_nowait(Heard(time.monotonic(), json.loads(text)))
        except ConnectionClosed:
            self._heard.put_nowait(None)

    async def speak(self) -> None:
        """Run the microphone until the connection ends."""
        try:
            await self.microphone.run()
        except ConnectionClosed:
            return  # `listen` tells of it


@asynccontextmanager
async def open_line(place: Place, random: np.random.Generator) -> AsyncIterator[Line]:
    """Connect, ask for turns found by the server and 24 kHz both ways, and switch the microphone on.

    Raises RefusedError where the server has no room, LineLostError where it went away, ServiceError where it can't be
    reached or does not let us in at all.
    """
    try:
        socket = await connect(
            place.realtime,
            additional_headers=place.headers,
            compression=None,
            max_size=16 * MEBIBYTE,
            open_timeout=OPENING_SECONDS,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        if status == 503:
            raise RefusedError("status_503", f"{place.realtime} has no room (status 503)") from None
        raise ServiceError(
            f"{place.realtime} answers with status {status}; is the address right, and the token?"
        ) from None
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise ServiceError(f"{place.realtime} can't be reached ({error}); is the server running?") from None
    try:
        await _introduce(socket)
        line = Line(socket, random)
        tasks = [asyncio.create_task(line.listen()), asyncio.create_task(line.speak())]
        try:
            yield line
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await socket.close()


async def _introduce(socket: ClientConnection) -> None:
    audio_format = AudioFormat().to_protocol()
    heard = {"format": audio_format, "turn_detection": TurnSettings().to_protocol()}
    session = {"type": "realtime", "audio": {"input": heard, "output": {"format": audio_format}}}
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            await _expect(socket, "session.created")
            await socket.send(json.dumps({"type": "session.update", "session": session}))
            await _expect(socket, "session.updated")
    except TimeoutError:
        raise LineLostError(f"the server let us in and said nothing for {OPENING_SECONDS:g} s") from None
    except ConnectionClosed as error:
        raise LineLostError(f"the server let us in and went away ({error})") from None


async def _expect(socket: ClientConnection, kind: str) -> None:
    event = json.loads(await socket.recv())
    if event["type"] == "error":
        error = event["error"]
        raise RefusedError(str(error.get("code")), str(error.get("message")))
    if event["type"] != kind:
        raise ServiceError(f"the server began with {event['type']}; wanted {kind} of OpenAI's Realtime protocol")
