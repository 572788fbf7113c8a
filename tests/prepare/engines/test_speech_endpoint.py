"""A speech endpoint, by the official client against a server in this process."""

import contextlib
import io
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.facts.errors import ServiceError
from stepwave.prepare.engines import speech_endpoint
from stepwave.prepare.engines.contract import SYNTHESIS_RATE
from stepwave.prepare.engines.speech_endpoint import EndpointSettings, EndpointVoice

pytest.importorskip("openai")


class Server(ThreadingHTTPServer):
    """Speaks as `manner` says, and keeps what it was asked."""

    manner = "well"
    asked: list[dict[str, Any]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({**body, "path": self.path, "key": self.headers["Authorization"]})
        manner = self.server.manner
        if manner == "slow":
            time.sleep(1.0)
        encoded = io.BytesIO()
        tone = 0.5 * np.sin(np.arange(8_000) * 0.1)
        soundfile.write(encoded, np.tile(tone, 400 if manner == "endless" else 1), 16_000, format="WAV")
        self.send_response(500 if manner == "broken" else 200)
        self.end_headers()
        with contextlib.suppress(OSError):  # the client may have had enough
            self.wfile.write(b"no sound at all" if manner == "babbling" else encoded.getvalue())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing to standard error."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def voice(server: Server, **settings: Any) -> EndpointVoice:
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    return EndpointVoice(EndpointSettings(url, "tts-1", **settings), "alloy")


def test_text_voice_and_pace_arrive_and_sound_comes_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECH_KEY", "secret")
    speaker = voice(server, key_variable="SPEECH_KEY")
    samples = speaker.speak("Good morning.", 1.1)
    assert len(samples) / SYNTHESIS_RATE == pytest.approx(0.5, abs=0.02)
    asked = server.asked[0]
    assert (asked["input"], asked["voice"], asked["model"], asked["speed"]) == ("Good morning.", "alloy", "tts-1", 1.1)
    assert (asked["path"], asked["key"]) == ("/v1/audio/speech", "Bearer secret")
    speaker.client.close()


@pytest.mark.parametrize(
    ("manner", "complaint"),
    [
        ("broken", "InternalServerError"),
        ("babbling", "unusable"),
        ("slow", "Timeout"),
        ("endless", "over 200,000 bytes"),
    ],
)
def test_an_endpoint_that_fails_is_told(
    server: Server, manner: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.manner = manner
    monkeypatch.setattr(speech_endpoint, "LONGEST_ANSWER_BYTES", 200_000)
    speaker = voice(server, seconds=0.4, tries=0)
    with pytest.raises(ServiceError, match=complaint):
        speaker.speak("Good morning.")
    speaker.client.close()


def test_tries_are_bounded(server: Server) -> None:
    server.manner = "broken"
    speaker = voice(server, tries=1)
    with pytest.raises(ServiceError):
        speaker.speak("Hello.")
    assert len(server.asked) == 2
    speaker.client.close()
