"""Bounds, and clients that leave: against a running server, whose answers end when the test says so."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.events import Event, Finished, TextDelta

from ..conftest import TOKEN, Running, running
from ..scripted import ScriptedTalker
from .conftest import WAITING_SECONDS, Endless

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
WRITTEN: list[Any] = [{"role": "user", "content": "Name three rivers."}]
ASKED: dict[str, Any] = {"model": "nano", "messages": WRITTEN}
KIB = 1024


def url(server: Running, path: str = "/v1/chat/completions") -> str:
    return f"http://{server.address}{path}"


@pytest.fixture(scope="module")
def narrow(tiny_talker: Stepwave) -> Iterator[Running]:
    """A server that takes 64 KiB."""
    with running(tiny_talker, most_upload_bytes=64 * KIB) as server:
        yield server


@pytest.mark.parametrize("size", [65 * KIB, 8 * KIB * KIB])
@pytest.mark.parametrize("told", [True, False])
def test_a_body_over_the_bound_is_refused_whether_its_length_is_told_or_not(
    narrow: Running, size: int, told: bool
) -> None:
    headers = AUTHORIZED | {"Content-Type": "multipart/form-data; boundary=x"}
    for path in ("/v1/chat/completions", "/v1/audio/transcriptions"):
        body = bytes(size) if told else (bytes(KIB) for _ in range(size // KIB))
        answer = httpx.post(url(narrow, path), content=body, headers=headers, timeout=WAITING_SECONDS)
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "too_large"
        assert "65,536 bytes" in answer.json()["error"]["message"]


def test_a_client_that_asks_before_it_sends_is_refused_at_once(narrow: Running) -> None:
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: 9000000\r\n"
    with socket.create_connection(("127.0.0.1", narrow.port), timeout=WAITING_SECONDS) as line:
        line.sendall((head.format(narrow.address, TOKEN) + "Expect: 100-continue\r\n\r\n").encode())
        assert line.recv(100).startswith(b"HTTP/1.1 413")


def test_the_official_client_is_told_of_a_recording_that_is_too_large(narrow: Running) -> None:
    with narrow.client as client, pytest.raises(openai.APIStatusError, match="more than the 65,536 bytes") as caught:
        client.audio.transcriptions.create(model="nano", file=("a.wav", bytes(KIB * KIB)))
    assert caught.value.status_code == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"model": NaN}', b"[" * 50_000])
def test_junk_is_told_to_be_junk(narrow: Running, body: bytes) -> None:
    answer = httpx.post(url(narrow), content=body, headers=AUTHORIZED | {"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "Traceback" not in answer.text


def test_a_stranger_is_refused_by_the_token_not_by_the_body(narrow: Running) -> None:
    assert httpx.post(url(narrow), json=ASKED).status_code == 401


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_away_ends_its_answer(tiny_talker: Stepwave, stream: bool) -> None:
    endless = Endless()
    talker = ScriptedTalker(tiny_talker, endless, [TextDelta("The Nile."), Finished("stop", 3, 0, 0.1)])
    with running(talker, most_requests=1) as server:
        line = socket.create_connection(("127.0.0.1", server.port), timeout=WAITING_SECONDS)
        body = json.dumps(ASKED | {"stream": stream})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {server.address}\r\nAuthorization: Bearer {TOKEN}\r\n"
        line.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        if stream:
            assert line.recv(100).startswith(b"HTTP/1.1 200")
        else:
            assert until(lambda: bool(talker.sessions and talker.sessions[0].asked))
        assert not endless.closed.is_set()
        line.close()
        assert endless.closed.wait(WAITING_SECONDS)
        assert until(lambda: server.service.turns.count == 0)
        with server.client as client:
            answer = eventually(lambda: client.chat.completions.create(**ASKED))
        assert answer.choices[0].message.content == "The Nile."
        figures = httpx.get(url(server, "/metrics"), headers=AUTHORIZED).text
    assert 'stepwave_answers_total{status="abandoned"} 1.0' in figures
    assert 'stepwave_answers_total{status="completed"} 1.0' in figures


def test_a_client_that_cancels_its_stream(tiny_talker: Stepwave) -> None:
    endless = Endless()
    with running(ScriptedTalker(tiny_talker, endless)) as server, server.client as client:
        with client.chat.completions.create(**ASKED, stream=True) as stream:
            for _, _ in zip(range(5), stream, strict=False):
                assert not endless.closed.is_set()
        assert endless.closed.wait(WAITING_SECONDS)


def test_more_requests_than_the_bound_are_told_to_come_back(tiny_talker: Stepwave) -> None:
    go_on = threading.Event()

    def waiting() -> Iterator[Event]:
        while not go_on.is_set():
            yield TextDelta(".")
        yield Finished("stop", 1, 0, 0.1)

    async def all_of_them(server: Running) -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=20)
        async with httpx.AsyncClient(headers=AUTHORIZED, timeout=WAITING_SECONDS, limits=limits) as client:
            asked = [asyncio.create_task(client.post(url(server), json=ASKED)) for _ in range(20)]
            while sum(one.done() for one in asked) < 16:
                await asyncio.sleep(0.01)
            go_on.set()
            return await asyncio.gather(*asked)

    with running(ScriptedTalker(tiny_talker, *(waiting() for _ in range(5))), most_requests=4) as server:
        answers = asyncio.run(all_of_them(server))
        with server.client as client:
            assert client.chat.completions.create(**ASKED).choices[0].finish_reason == "stop"
    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers].count(200) == 4
    assert len(refused) == 16
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {answer.json()["error"]["code"] for answer in refused} == {"rate_limit_exceeded"}


def test_the_official_client_comes_back_by_itself(tiny_talker: Stepwave) -> None:
    endless = Endless()
    talker = ScriptedTalker(tiny_talker, endless, [TextDelta("The Nile."), Finished("stop", 3, 0, 0.1)])
    with (
        running(talker, most_requests=1) as server,
        server.client as first,
        server.client.with_options(max_retries=5) as second,
    ):
        stream = first.chat.completions.create(**ASKED, stream=True)
        next(stream)
        threading.Timer(0.5, stream.close).start()
        answer = second.chat.completions.create(**ASKED)
    assert answer.choices[0].message.content == "The Nile."


def test_nothing_new_while_stopping_or_out_of_memory(tiny_talker: Stepwave, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tiny_talker) as server, server.client as client:
        monkeypatch.setattr(server.service.memory, "most", 1)
        with pytest.raises(openai.InternalServerError, match="memory is full") as caught:
            client.chat.completions.create(**ASKED)
        assert (caught.value.code, caught.value.response.headers["retry-after"]) == ("overloaded", "5")
        monkeypatch.undo()
        server.service.stopping.set()
        with pytest.raises(openai.InternalServerError, match="the server is stopping") as caught:
            client.chat.completions.create(**ASKED)
        assert (caught.value.status_code, caught.value.code) == (503, "stopping")
        assert [model.id for model in client.models.list()] == ["nano"]


def until(holds: Any) -> bool:
    """Wait for what another thread does."""
    tick = threading.Event()
    for _ in range(100 * WAITING_SECONDS):
        if holds():
            return True
        tick.wait(0.01)
    return False


def eventually(ask: Any) -> Any:
    """The answer, once the request before has left its place."""
    answers: list[Any] = []

    def tried() -> bool:
        try:
            answers.append(ask())
        except openai.RateLimitError:
            return False
        return True

    assert until(tried)
    return answers[0]
