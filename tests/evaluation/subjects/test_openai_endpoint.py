"""What an endpoint may do wrong, by one that does as it is told; and what is sent to it."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.evaluate import Plan, evaluate
from stepwave.evaluation.figures import Measure
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.question import Question, Said
from stepwave.evaluation.scoring.measures import accepted
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.subjects.endpoints import PATIENCE, Patient, Target, wav_file
from stepwave.evaluation.subjects.openai_endpoint import OpenAIEndpoint
from stepwave.evaluation.subjects.opening import open_subject
from stepwave.evaluation.subjects.options import SubjectOptions
from stepwave.facts.errors import ConfigError, ServiceError
from stepwave.signal.files import read_audio
from stepwave.signal.pcm import decode_pcm16, encode_pcm16


class Endpoint(ThreadingHTTPServer):
    """Gives the replies it is told: a status, or the bytes of a body; the last one over and over."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[int | bytes] = []
        self.asked: list[tuple[str, bytes, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append((self.path, body, {name.lower(): value for name, value in self.headers.items()}))
        reply = self.server.replies.pop(0) if len(self.server.replies) > 1 else self.server.replies[0]
        status, sent = (reply, b'{"error": "no"}') if isinstance(reply, int) else (200, reply)
        self.send_response(status)
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def subject(endpoint: Endpoint, key_env: str = "") -> OpenAIEndpoint:
    target = Target.parse("openai", f"{endpoint.url}#m")
    return OpenAIEndpoint(target, key_env, patient=Patient(endpoint.url, pause_seconds=0.0))


def stream(*deltas: dict[str, Any], end: bytes = b"data: [DONE]\n\n", reason: str = "stop") -> bytes:
    choices = [{"delta": delta, "finish_reason": None} for delta in deltas] + [{"delta": {}, "finish_reason": reason}]
    return b"".join(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n" for choice in choices) + end


QUESTION = Question("speech", (Said("user", "Hi."),), item="a", seed=5)


def test_a_streamed_answer_is_put_together(endpoint: Endpoint) -> None:
    said = np.arange(-4, 4, dtype=np.float32) / 32_768
    data = encode_pcm16(said)
    # The first piece ends within a sample.
    pieces = [{"audio": {"data": base64.b64encode(part).decode()}} for part in (data[:5], data[5:])]
    calls = [
        {"tool_calls": [{"index": 0, "function": {"name": "weather", "arguments": '{"location"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ': "Oslo"}'}}]},
    ]
    endpoint.replies = [
        stream({"audio": {"transcript": "Good "}}, {"content": "day."}, *pieces, *calls, reason="length")
    ]
    produced = subject(endpoint).ask(QUESTION)
    assert produced.text == "Good day."
    assert produced.sound is not None
    np.testing.assert_array_equal(produced.sound, said)
    assert [round(piece.seconds * 24_000) for piece in produced.arrivals] == [2, 6]
    assert [(call.name, call.arguments) for call in produced.calls] == [("weather", '{"location": "Oslo"}')]
    assert produced.cut
    sent = json.loads(endpoint.asked[0][1])
    assert sent["modalities"] == ["text", "audio"]
    assert sent["seed"] == 5
    assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}]


def test_what_may_pass_is_asked_again(endpoint: Endpoint) -> None:
    endpoint.replies = [503, stream({"content": "half"}, end=b""), stream({"content": "whole"})]
    assert subject(endpoint).ask(QUESTION).text == "whole"
    assert len(endpoint.asked) == 3


def test_an_endpoint_that_streams_no_sound_is_asked_for_the_whole(endpoint: Endpoint) -> None:
    samples = np.array([0.25, -0.25] * 600, dtype=np.float32)
    audio = {"data": base64.b64encode(wav_file(samples)).decode(), "transcript": "Hello."}
    whole = json.dumps({"choices": [{"message": {"content": None, "audio": audio}, "finish_reason": "stop"}]})
    endpoint.replies = [400, whole.encode(), whole.encode()]
    one = subject(endpoint)
    produced = one.ask(QUESTION)
    assert produced.text == "Hello."
    assert produced.sound is not None
    assert len(produced.sound) == 1_800
    one.ask(QUESTION)
    assert [json.loads(body)["stream"] for _, body, _ in endpoint.asked] == [True, False, False]
    assert json.loads(endpoint.asked[1][1])["audio"]["format"] == "wav"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (400, "refused the request: HTTP 400"),
        (b"data: no JSON\n", "unreadable answer"),
        (stream({"content": "x"}, end=b'data: {"error": {"message": "out of memory"}}\n'), "out of memory"),
    ],
)
def test_what_fails_is_told(endpoint: Endpoint, reply: int | bytes, told: str) -> None:
    endpoint.replies = [reply]
    with pytest.raises(ServiceError, match=told):
        subject(endpoint).ask(QUESTION)


def test_the_key_goes_to_the_endpoint_and_into_no_message(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret-1")
    endpoint.replies = [b'data: {"choices": "secret-1"}\n']
    one = subject(endpoint, "SOME_KEY")
    with pytest.raises(ServiceError) as told:
        one.ask(QUESTION)
    assert endpoint.asked[0][2]["authorization"] == "Bearer secret-1"
    assert "secret-1" not in f"{told.value}{one.facts}{one.name}{one.revision}"


def test_targets_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    for target, told in (
        ("http://127.0.0.1:1/v1", "names no model"),
        ("127.0.0.1:1#m", "is no address"),
        ("http://me:secret@127.0.0.1:1/v1#m", "perhaps a secret"),
    ):
        for kind in ("openai", "realtime"):
            with pytest.raises(ConfigError, match=told):
                open_subject(f"{kind}:{target}")
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(ConfigError, match="SOME_KEY holds no key"):
        open_subject("openai:http://127.0.0.1:1/v1#m", SubjectOptions(key_env="SOME_KEY"))


def test_transcripts_are_asked_as_files(endpoint: Endpoint) -> None:
    samples = np.array([0.5, -0.5, 0.125], dtype=np.float32)
    endpoint.replies = [b'{"text": " three rivers "}']
    question = Question("transcript", (Said("user", samples=samples),), language="de")
    assert subject(endpoint).ask(question).text == "three rivers"
    path, body, headers = endpoint.asked[0]
    assert path == "/v1/audio/transcriptions"
    assert headers["content-type"].startswith("multipart/form-data; boundary=")
    sent = body[body.index(b"RIFF") : body.rindex(b"\r\n--")]
    np.testing.assert_array_equal(read_audio(sent, sample_rate=None).samples, samples)
    assert b'name="language"\r\n\r\nde' in body


def test_an_endpoint_that_is_down_fails_items_and_a_later_run_asks_for_these_alone(
    endpoint: Endpoint, recording: Sound, tmp_path: Path
) -> None:
    items = [Item(str(number), "yes", references=("yes",)) for number in range(PATIENCE + 3)]
    suite = Suite(
        "small",
        "one check",
        (Check("c", "t", "o", lambda places: items, "answer", (Measure("right", accepted),)),),
    )
    places, folder = Places(tmp_path, tmp_path), tmp_path / "run"
    endpoint.replies = [stream({"content": "yes"}), 500]
    report = evaluate(Plan(suite, places), subject(endpoint), Parts(_Deaf()), folder, lambda *_: None)
    assert report.figures[0].failed == len(items) - 1
    assert len(endpoint.asked) == 1 + PATIENCE * 3, "an endpoint that fails every time is left alone"
    errors = [score.error for score in report.scores if score.error]
    assert "the endpoint failed: HTTP 500" in errors[0]
    assert "times in a row and is not asked again" in errors[-1]
    endpoint.asked.clear()
    endpoint.replies = [stream({"content": "yes"})]
    again = evaluate(Plan(suite, places), subject(endpoint), Parts(_Deaf()), folder, lambda *_: None)
    assert len(endpoint.asked) == len(items) - 1
    assert again.figures[0].failed == 0
    assert again.figures[0].value == 100


class _Deaf:
    name = "nobody"

    def hear(self, samples: object, language: str = "en") -> str:
        raise AssertionError("there is nothing to listen to")


def test_samples_of_16_bits_go_and_come_back_as_they_were() -> None:
    integers = np.arange(-32_768, 32_768, 7)
    samples = (integers / 32_768).astype(np.float32)
    np.testing.assert_array_equal(decode_pcm16(encode_pcm16(samples)), samples)
    np.testing.assert_array_equal(
        decode_pcm16(encode_pcm16(np.array([1.5, -2.0], dtype=np.float32))) * 32_768, [32_767, -32_768]
    )
