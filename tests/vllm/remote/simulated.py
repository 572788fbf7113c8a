"""A stand-in for vLLM at the edge of the network: its HTTP, with the shapes that vLLM 0.32 sends, before a local model.

What it answers is what our own engine would, so remote and local answers can be compared. Faults are asked for one
request at a time.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stepwave.dialogue.engine import LocalEngine
from stepwave.generation.decode import DecodeSettings
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples
from stepwave.text.template import Prompt
from stepwave.vllm.choosing import Choosing

Fault = Callable[["Simulated", "Handler", dict[str, Any]], bool]
"""Takes the place of an answer, or comes before it (then it returns False)."""
PLAIN = {"routed_experts": None, "sampling_mask": None, "weight_versions": None, "logprobs": None}


@dataclass
class Simulated:
    """The server's state."""

    engine: LocalEngine
    name: str = "tiny"
    positions: int = 2048
    key: str | None = None
    keeps_pattern: bool = True
    first_token: int = 0
    """The id of what is 0 here: another than 0 makes it another model's tokenizer."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the requests to generate."""
    faults: list[Fault] = field(default_factory=list)
    """For the next requests to generate, one each."""
    sound: dict[str, Samples] = field(default_factory=dict)
    """The cache of sound, by name."""
    broken_off: threading.Event = field(default_factory=threading.Event)
    """Set when a client left before the end of its answer."""
    url: str = ""

    def forget(self) -> None:
        """Begin anew."""
        self.broken_off.clear()
        for kept in (self.asked, self.faults, self.sound):
            kept.clear()

    def ids(self, body: dict[str, Any]) -> Iterator[int]:
        """What the model writes. Raises KeyError for sound that is not known."""
        special = self.engine.tokenizer.special
        clips = []
        for part in body.get("content_parts") or []:
            if "url" in part:
                data = base64.b64decode(part["url"].removeprefix("data:audio/wav;base64,"))
                self.sound[part["uuid"]] = read_audio(data).samples
            clips.append(self.sound[part["uuid"]])
        rows = self.engine.encode(clips)
        counts = iter([len(piece) for piece in rows])
        ids = []
        for token in body["token_ids"]:
            ids += [token] * (next(counts) if token == special.audio_patch else 1)
        params = body["sampling_params"]
        choosing = Choosing.read(params["extra_args"])
        assert choosing is not None
        settings = DecodeSettings(
            choosing.text, choosing.speech, params["max_tokens"], (*params["stop_token_ids"], special.eot),
            choosing.guards, choosing.said if self.keeps_pattern else None,
        )  # fmt: skip
        context = self.engine.context()
        context.read(Prompt(ids, [], []), rows)
        told = len(ids)
        for _ in context.decode(settings):
            yield from context.ids[told:]
            told = len(context)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    simulated: Simulated

    def do_GET(self) -> None:
        served = self.simulated
        card = {"id": served.name, "object": "model", "owned_by": "vllm", "max_model_len": served.positions}
        self.whole({"object": "list", "data": [card]})

    def do_POST(self) -> None:
        served = self.simulated
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if served.key is not None and self.headers.get("Authorization") != f"Bearer {served.key}":
            self.whole({"error": "Unauthorized"}, 401)
        elif body["model"] != served.name:
            self.refuse(f"The model `{body['model']}` does not exist.", 404)
        elif self.path == "/tokenize":
            ids = served.engine.tokenizer.encode(body["prompt"], parse_special=True)
            tokens = [token + served.first_token for token in ids]
            self.whole({"count": len(tokens), "max_model_len": served.positions, "tokens": tokens, "token_strs": None})
        else:
            assert self.path == "/inference/v1/generate"
            served.asked.append(body)
            if not served.faults or not served.faults.pop(0)(served, self, body):
                self.answer(body)

    def answer(self, body: dict[str, Any]) -> None:
        ids = self.simulated.ids(body)
        try:
            first = next(ids)
        except KeyError:
            self.refuse("Cache miss for audio at index 0 but data is not provided.", 400)
            return
        self.begin()
        try:
            last = first
            for token in ids:
                self.chunk([last])
                last = token
            stops = (*body["sampling_params"]["stop_token_ids"], self.simulated.engine.tokenizer.special.eot)
            self.chunk([last], "stop" if last in stops else "length")
            self.line("[DONE]")
            self.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self.simulated.broken_off.set()
            self.close_connection = True

    def whole(self, found: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, message: str, status: int) -> None:
        self.whole({"error": {"message": message, "type": "BadRequestError", "param": None, "code": status}}, status)

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, ids: list[int], reason: str | None = None) -> None:
        choice = {"index": 0, "finish_reason": reason, "stop_reason": None, "token_ids": ids, **PLAIN}
        self.line(
            json.dumps({"request_id": "generate-tokens-1", "usage": None, "output_mode": "tokens", "choices": [choice]})
        )

    def line(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients of these tests leave at any time."""


@contextmanager
def simulated(engine: LocalEngine, **how: Any) -> Iterator[Simulated]:
    """A server under way on a free port."""
    served = Simulated(engine, **how)
    with _Server(("127.0.0.1", 0), type("Bound", (Handler,), {"simulated": served})) as server:
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()


def fails(status: int, message: str) -> Fault:
    """The request is refused."""

    def fault(_: Simulated, handler: Handler, body: dict[str, Any]) -> bool:
        handler.refuse(message, status)
        return True

    return fault


def writes(*data: str | list[int], ends: bool = True) -> Fault:
    """These lines of data, or chunks of ids, in place of an answer; with `ends` the stream is closed properly."""

    def fault(_: Simulated, handler: Handler, body: dict[str, Any]) -> bool:
        handler.begin()
        for piece in data:
            handler.line(piece) if isinstance(piece, str) else handler.chunk(piece)
        if ends:
            handler.wfile.write(b"0\r\n\r\n")
        handler.close_connection = True
        return True

    return fault


def waits(gate: threading.Event, begun: threading.Event | None = None) -> Fault:
    """Set `begun`, then say nothing until `gate` is set, then end the connection."""

    def fault(_: Simulated, handler: Handler, body: dict[str, Any]) -> bool:
        handler.begin()
        if begun is not None:
            begun.set()
        gate.wait(30)
        handler.close_connection = True
        return True

    return fault
