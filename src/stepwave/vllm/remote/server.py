"""The connection to a vLLM server: JSON over HTTP, and answers whose tokens are read by a thread of their own.

Only the one address is contacted: no redirects, no proxies. Every wait and every size is bounded, and whatever goes
wrong is a LanguageServerError. What is asked and what comes back means nothing here.
"""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from stepwave.dialogue.waiting import given_up
from stepwave.facts.errors import ConfigError, LanguageServerError
from stepwave.vllm.dialects import LONGEST_LINE, error_text, read_lines

MOST_BYTES: Final = 1_000_000
"""A reply that is not a stream."""
_POLL_SECONDS: Final = 0.05
_JSON: Final = "application/json"
_PLACE: Final = "the vLLM server"  # its address is nothing for clients, who are told this
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long a server may take."""

    connect_seconds: float = 5.0
    """To take a connection."""
    silent_seconds: float = 30.0
    """Between a request and its first token, and between tokens."""

    def __post_init__(self) -> None:
        if min(self.connect_seconds, self.silent_seconds) <= 0:
            raise ConfigError("a server's patience must be above 0 seconds")


class RefusedError(LanguageServerError):
    """The server answered a request with an error."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """One vLLM server. May be used from any thread; every request has a connection of its own."""

    def __init__(self, url: str, key: str | None = None, patience: Patience | None = None) -> None:
        """`key` is what the server was given as `--api-key`. Raises ConfigError for a URL that is none."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"'{url}' is no address ({error}); wanted http://HOST:PORT") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in url:
            raise ConfigError(f"'{url}' is no address of a server; wanted http://HOST:PORT")
        if key is not None and not key.isprintable():
            raise ConfigError("the server's key holds characters that no header can carry; check it")
        self.url = url.rstrip("/").removesuffix("/v1")
        self.patience = patience or Patience()
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port = parts.hostname, port
        self._path = urlsplit(self.url).path
        self._headers = {"Content-Type": _JSON, "Accept": f"text/event-stream, {_JSON}"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str) -> Mapping[str, Any]:
        """The JSON object at `path`. Raises LanguageServerError."""
        with self._open("GET", path, None) as exchange:
            return exchange.whole()

    def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The JSON object that answers `body`. Raises LanguageServerError."""
        with self._open("POST", path, body) as exchange:
            return exchange.whole()

    def stream(self, path: str, body: Mapping[str, Any]) -> Chunks:
        """Chunks of a streamed answer, for `with`; they are read from now on, whether taken or not."""
        return Chunks(self, path, body)

    def _open(self, method: str, path: str, body: Mapping[str, Any] | None) -> _Exchange:
        connection = self._kind(self._host, self._port, timeout=self.patience.connect_seconds)
        return _Exchange(self, connection, method, self._path + path, body)


class _Exchange:
    """A request and its response, closed on leaving `with`."""

    def __init__(
        self,
        server: Server,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
    ) -> None:
        self._server, self._connection = server, connection
        self._method, self._path, self._body = method, path, body
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self.given_up = False
        """Whether it was broken off here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()

    def whole(self) -> Mapping[str, Any]:
        """The response as a JSON object of bounded size. Raises LanguageServerError."""
        try:
            with self._send() as response:
                data = response.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from None
        try:
            found = json.loads(data) if len(data) <= MOST_BYTES else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise LanguageServerError(f"{_PLACE} sent no JSON object of at most {MOST_BYTES:,} bytes; is it vLLM?")
        return found

    def chunks(self) -> Iterator[Mapping[str, Any]]:
        """The objects of a response that is a stream of events. Raises LanguageServerError."""
        try:
            with self._send() as response:
                yield from read_lines(_lines(response))
        except (OSError, http.client.HTTPException) as error:
            raise self._broken(error) from None

    def break_off(self) -> None:
        """End it from another thread: whoever reads meets the end at once, or as soon as a connection is there."""
        with self._lock:
            self.given_up = True
            if self._socket is not None:
                with suppress(OSError):  # it is closed already
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _send(self) -> http.client.HTTPResponse:
        connection = self._connection
        try:
            connection.connect()
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise LanguageServerError(
                f"{_PLACE} can't be reached ({reason}); is it running, and --url its address?"
            ) from None
        connection.sock.settimeout(self._server.patience.silent_seconds)
        with self._lock:
            if self.given_up:
                raise ConnectionAbortedError
            self._socket = connection.sock
        data = None if self._body is None else json.dumps(self._body, separators=(",", ":")).encode()
        connection.request(self._method, self._path, data, self._server._headers)
        response = connection.getresponse()
        if response.status != http.client.OK:
            with response:
                raise _refusal(response)
        return response

    def _broken(self, error: Exception) -> LanguageServerError:
        if isinstance(error, TimeoutError):
            return LanguageServerError(
                f"{_PLACE} said nothing for {self._server.patience.silent_seconds:g} s; ask again later"
            )
        return LanguageServerError(f"{_PLACE} broke the connection off ({type(error).__name__}); ask again")


class Chunks:
    """A streamed answer, read in a thread of its own, so that whoever waits for it can give up."""

    def __init__(self, server: Server, path: str, body: Mapping[str, Any]) -> None:
        self._server = server
        self._exchange = server._open("POST", path, body)
        self._found: SimpleQueue[Mapping[str, Any] | Exception | None] = SimpleQueue()
        threading.Thread(target=self._read, name="remote answer", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Break off what is under way; vLLM stops writing then. The thread ends by itself."""
        self._exchange.break_off()

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """The chunks as they come. Raises LanguageServerError where the server fails, or nobody waits any more."""
        while (found := self._next()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found

    def _next(self) -> Mapping[str, Any] | Exception | None:
        patience = self._server.patience
        # The thread has bounds of its own for every step; this one is for what trickles in without a whole chunk.
        latest = time.monotonic() + patience.connect_seconds + patience.silent_seconds
        while True:
            try:
                return self._found.get(timeout=_POLL_SECONDS)
            except Empty:
                if given_up():
                    return LanguageServerError("the answer was given up before it was complete")
                if time.monotonic() > latest:
                    seconds = patience.silent_seconds
                    return LanguageServerError(f"{_PLACE} wrote nothing for {seconds:g} s; ask again later")

    def _read(self) -> None:
        try:
            with self._exchange:
                for chunk in self._exchange.chunks():
                    self._found.put(chunk)
            self._found.put(None)
        except Exception as error:  # raised again where the chunks are taken
            if not self._exchange.given_up:
                _LOG.warning("%s: %s", self._server.url, error)
            self._found.put(error)


def _lines(response: http.client.HTTPResponse) -> Iterator[str]:
    # A line of the longest length and one byte more is refused by `read_lines`.
    while line := response.readline(LONGEST_LINE + 1):
        yield line.decode("utf-8", errors="replace").rstrip("\r\n")


def _refusal(response: http.client.HTTPResponse) -> LanguageServerError:
    status = response.status
    if 300 <= status < 400:
        return RefusedError(f"{_PLACE} sends on to another one; give that one's address", status)
    try:
        found = json.loads(response.read(MOST_BYTES))
        said = error_text(found.get("error") or found)
    except (ValueError, RecursionError, AttributeError):
        said = response.reason
    hint = ": give the key it was started with" if status == http.client.UNAUTHORIZED else ""
    return RefusedError(f"{_PLACE} refused ({status}{hint}): {said}", status)
