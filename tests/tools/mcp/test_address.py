"""Servers at an address: the SDK's own, in a thread, and one that misbehaves."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError as ToolFailed
from mcp.types import ToolAnnotations

from stepwave.facts.errors import ToolError
from stepwave.tools.mcp.attached import Attached
from stepwave.tools.mcp.config import McpServer


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Serves an application on this machine; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def weather() -> MCPServer[Any]:
    server = MCPServer("weather")

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def forecast(city: str, days: int = 1) -> str:
        """Tells the weather."""
        if city == "Atlantis":
            raise ToolFailed("no such city")
        return f"{city}: sunny for {days} days"

    @server.tool()
    def stations() -> list[dict[str, str]]:
        """Lists stations."""
        return [{"name": "Łódź"}, {"name": "Roma"}]

    return server


@pytest.mark.parametrize(("app", "path"), [("streamable_http_app", "/mcp"), ("sse_app", "/sse")])
@pytest.mark.filterwarnings("ignore::mcp.MCPDeprecationWarning")
def test_tools_are_called_over_http(app: str, path: str) -> None:
    with running(getattr(weather(), app)()) as address:
        server = McpServer("weather", url=address + path, sse=path == "/sse")
        with Attached([server]) as servers:
            assert servers.problems == []
            forecast, stations = servers.tools
            assert (forecast.name, forecast.sensitive, stations.sensitive) == ("forecast", False, True)
            assert forecast.run(city="Oslo", days=2) == "Oslo: sunny for 2 days"
            assert [json.loads(line) for line in _json_texts(stations.run())] == [{"name": "Łódź"}, {"name": "Roma"}]
            with pytest.raises(ToolError, match="no such city"):
                forecast.run(city="Atlantis")


def _json_texts(told: object) -> list[str]:
    """A text for each item: the SDK writes them over several lines."""
    return str(told).replace("\n}\n{", "\n}\0{").split("\0")


class Crude(BaseHTTPRequestHandler):
    """Answers in JSON, with a session; what a tool does is in its name."""

    asked: list[tuple[str, str | None]]
    elsewhere: str
    session: int
    stay: threading.Event
    """Until it is set, sessions do not end."""

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method, number = message["method"], message.get("id")
        tool = message.get("params", {}).get("name", "")
        self.asked.append((method, self.headers.get("X-Key")))
        if method == "initialize":
            type(self).session += 1
            version = message["params"]["protocolVersion"]
            info = {"name": "crude", "version": "1"}
            self.answer(number, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
        elif number is None:
            self.send(202, b"")
        elif method == "tools/list":
            names = ("good", "moved", "large", "packed", "forget", "break")
            self.answer(number, {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names]})
        elif method != "tools/call":
            self.send(404, b"")
        elif tool == "moved":
            self.send(307, b"", {"Location": f"{self.elsewhere}/mcp"})
        elif tool == "forget":
            self.send(404, b"")
        elif tool == "break":
            self.close_connection = True
        else:
            text = "x" * 5_000_000 if tool == "large" else f"good in session {self.session}"
            self.answer(number, {"content": [{"type": "text", "text": text}]}, packed=tool == "packed")

    def do_GET(self) -> None:
        self.send(405, b"")

    def do_DELETE(self) -> None:
        self.stay.wait(60)
        self.send(405, b"")

    def answer(self, number: Any, result: dict[str, Any], packed: bool = False) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()
        encoding = {"Content-Encoding": "gzip"} if packed else {}
        self.send(200, gzip.compress(body) if packed else body, encoding)

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        sent = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        for name, value in {**sent, "Mcp-Session-Id": str(self.session)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def crude() -> Iterator[tuple[str, type[Crude]]]:
    """A server of `Crude`; its address, and what was asked of it."""

    class Own(Crude):
        asked: list[tuple[str, str | None]] = []  # noqa: RUF012  # the class is made anew for each server
        session = 0
        stay = threading.Event()

    Own.stay.set()

    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", Own
        finally:
            server.shutdown()
            thread.join()


def test_an_address_that_misbehaves() -> None:
    with crude() as (address, ours), crude() as (elsewhere, foreign):
        ours.elsewhere = elsewhere
        server = McpServer("far", url=f"{address}/mcp", headers={"X-Key": "k-1"})
        with Attached([server]) as servers:
            tools: dict[str, Callable[..., object]] = {tool.name: tool.run for tool in servers.tools}
            assert tools["good"]() == "good in session 1"
            assert {key for _, key in ours.asked} == {"k-1"}
            for name, told in (
                ("moved", "gave no answer: Redirect to .* not followed"),
                ("large", "refused: Failed to parse JSON response: more than 4194304 bytes came in one message"),
                ("packed", "gave no answer: "),
                ("forget", "gave no answer: Session terminated"),
            ):
                with pytest.raises(ToolError, match=f"the MCP server 'far' {told}"):
                    tools[name]()
            assert tools["good"]() == "good in session 4"  # connected anew after all but the large answer
        assert foreign.asked == []


def test_a_connection_that_breaks_is_made_anew() -> None:
    with crude() as (address, _), Attached([McpServer("far", url=f"{address}/mcp")]) as servers:
        tools = {tool.name: tool.run for tool in servers.tools}
        with pytest.raises(ToolError, match="the MCP server 'far' gave no answer"):
            tools["break"]()
        assert tools["good"]() == "good in session 2"


def test_an_address_that_does_not_answer_at_the_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwave.tools.mcp.connection._ADDRESS_SECONDS", 0.1)
    with crude() as (address, handler):
        with Attached([McpServer("far", url=f"{address}/mcp")]) as servers:
            handler.stay.clear()
        assert len(servers.tools) == 6
        handler.stay.set()


def test_an_address_that_cannot_be_used_is_told() -> None:
    async def closed(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    with running(closed) as address:
        servers = [McpServer("locked", url=f"{address}/mcp"), McpServer("absent", url="http://127.0.0.1:1/mcp")]
        with Attached(servers) as attached:
            locked, absent = attached.problems
    assert locked.startswith("the MCP server 'locked' could not be started: it answered: ")
    assert locked.endswith(" (HTTP status 401)")
    assert absent == "the MCP server 'absent' could not be started: All connection attempts failed"
