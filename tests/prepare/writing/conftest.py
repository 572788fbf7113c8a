"""An endpoint on this computer that answers as it is told, well or badly."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stepwave.prepare.writing.writer import Endpoint

KEY = "sk-never-to-be-stored-1234567890"


@dataclass
class LocalEndpoint:
    """What the server does with each request in turn; the last behaviour stays."""

    url: str
    behaviours: list[str] = field(default_factory=lambda: ["good"])
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def settings(self, **changes: Any) -> Endpoint:
        return Endpoint(**{"url": self.url, "model": "tiny", "timeout_seconds": 5.0, **changes})


def conversation(turns: int) -> str:
    """A well-formed answer of so many turns."""
    texts = [f"This is turn {'abcdefghijk'[number]} of our talk." for number in range(turns)]
    roles = ("human", "assistant")
    return json.dumps({"turns": [{"role": roles[n % 2], "text": text} for n, text in enumerate(texts)]})


def completion(content: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]}).encode()


def wanted_turns(prompt: str) -> int:
    if prompt.startswith("{"):
        return len(json.loads(prompt)["turns"])
    return int(prompt.split("Write exactly ")[1].split()[0])


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    pytest.importorskip("openai")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            place = len(local.requests)
            local.requests.append(request)
            local.headers.append({name.lower(): value for name, value in self.headers.items()})
            behaviour = local.behaviours[min(place, len(local.behaviours) - 1)]
            with suppress(BrokenPipeError, ConnectionResetError):
                self._behave(behaviour, wanted_turns(request["messages"][1]["content"]))

        def _behave(self, behaviour: str, turns: int) -> None:
            if behaviour == "silent":
                local.stop.wait(20)
                return
            if behaviour == "cut off":
                self.send_response(200)
                self.send_header("content-length", "1000")
                self.end_headers()
                self.wfile.write(b"{")
                return
            if behaviour == "dribble":
                self.send_response(200)
                self.end_headers()
                while not local.stop.wait(0.05):
                    self.wfile.write(b" ")
                return
            if behaviour == "huge":
                self.send_response(200)
                self.end_headers()
                for _ in range(1000):
                    self.wfile.write(b"x" * 10_000)
                return
            if behaviour == "elsewhere":
                self.send_response(307)
                self.send_header("location", f"{local.url}/other")
                self.send_header("content-length", "0")
                self.end_headers()
                return
            if behaviour.isdigit():
                body, status = f"no: the key was {KEY}".encode() + b"!" * 1000, int(behaviour)
            else:
                answers = {
                    "good": conversation(turns),
                    "fenced": f"<think>{{}}</think>\n```json\n{conversation(turns)}\n```",
                    "prose": "Here is your conversation!",
                    "list": "[1, 2]",
                    "half a letter": json.dumps({"turns": [{"role": "human", "text": "\ud83d"}]}),
                    "other keys": json.dumps({"turns": [], "more": 1}),
                    "short": conversation(turns + 2),
                    "swapped": conversation(turns).replace('"human"', '"assistant"'),
                    "markdown": conversation(turns).replace("This is", "**This** is"),
                    "long": conversation(turns).replace("our talk", "our talk" + " and on" * 100),
                    "null": None,
                }
                body, status = (b"{}" if behaviour == "no choices" else completion(answers[behaviour])), 200
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    local = LocalEndpoint(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield local
    local.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()
