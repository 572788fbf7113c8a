"""Servers of the tests: real ones on this computer, which answer as a function says."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

EXCHANGES = Path(__file__).parent / "exchanges"


@dataclass
class Asked:
    """A request as it came in, and the way to answer it."""

    path: str
    headers: dict[str, str]
    handler: BaseHTTPRequestHandler

    def answer(self, body: bytes = b"", status: int = 200, **headers: str) -> None:
        self.handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)


@dataclass
class Server:
    """A running server, with the requests that it got."""

    place: str
    """Host and port."""
    asked: list[Asked] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://{self.place}"


@contextmanager
def running(answer: Callable[[Asked], None]) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, self)
            server.asked.append(asked)
            with suppress(BrokenPipeError, ConnectionResetError):  # cut off by the client, as many tests want
                answer(asked)

        do_CONNECT = do_GET  # noqa: N815 (the base class's name)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.block_on_close = False
    server = Server(f"127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEPWAVE_PROXY", raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Asked], None]], Server]]:
    """Starts a server that answers every GET by a function; it ends with the test."""
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(running(answer))


@contextmanager
def replaying() -> Iterator[Server]:
    """A server that answers as the files in `exchanges` say, and 404 to requests of which they know nothing."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(EXCHANGES.glob("*.json"))]

    def answer(asked: Asked) -> None:
        path, _, query = asked.path.partition("?")
        request = {"path": path, "query": dict(parse_qsl(query))}
        response = next((one["response"] for one in records if one["request"] == request), None)
        if response is None:
            asked.answer(status=404)
        else:
            asked.answer(json.dumps(response["body"]).encode(), response["status"], **response["headers"])

    with running(answer) as server:
        yield server


@pytest.fixture
def replay() -> Iterator[Server]:
    """See `replaying`."""
    with replaying() as server:
        yield server
