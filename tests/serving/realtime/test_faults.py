"""What clients do wrong, and what goes wrong for them: told in the protocol's words, and nobody else is hurt."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.events import Event, TextDelta

from ..conftest import TOKEN, Running, running
from ..scripted import ScriptedTalker, said
from .raw_client import TEXT_TURN, ask, dial, receive, run, send, told, until

WRONG: list[tuple[str, str, str | None]] = [
    ("{", "invalid_json", None),
    ("[" * 100_000, "invalid_json", None),
    ("[]", "invalid_json", None),
    ("{}", "unknown_event", "type"),
    ('{"type": "session.explode"}', "unknown_event", "type"),
    ('{"type": "input_audio_buffer.append", "audio": "§§"}', "invalid_base64", "audio"),
    ('{"type": "input_audio_buffer.append", "audio": 7}', "invalid_value", "input_audio_buffer.append.audio"),
    ('{"type": "input_audio_buffer.commit"}', "input_audio_buffer_commit_empty", None),
    ('{"type": "response.cancel"}', "response_cancel_not_active", None),
    (
        '{"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": 1}',
        "item_truncate_invalid_item_id",
        "item_id",
    ),
    ('{"type": "conversation.item.delete", "item_id": "x"}', "item_delete_invalid_item_id", "item_id"),
]


@pytest.mark.parametrize(("message", "code", "param"), WRONG, ids=[text[:40] for text, _, _ in WRONG])
def test_a_wrong_message_is_told_and_the_talk_goes_on(server: Running, message: str, code: str, param: Any) -> None:
    async def talk() -> None:
        async with dial(server) as socket:
            await receive(socket)
            await socket.send(message)
            event = await receive(socket)
            assert event["type"] == "error"
            assert event["error"]["code"] == code
            if param is not None:
                assert event["error"]["param"].endswith(param.split(".")[-1])
            await send(socket, "session.update", session={"type": "realtime"}, event_id="mine")
            assert (await receive(socket))["type"] == "session.updated"

    run(talk)


SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"audio": {"input": {"format": {"type": "audio/mp3"}}}}, "audio/mp3"),
    ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}}, "24000"),
    ({"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 7}}}}, "threshold"),
    ({"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 600}}}}, "idle_timeout_ms"),
    ({"audio": {"output": {"voice": "nobody"}}}, "no voice 'nobody'"),
    ({"audio": {"output": {"speed": 2.0}}}, "speed"),
    ({"tools": [{"type": "function", "name": "a\nb"}]}, "one line"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"output_modalities": []}, "output_modalities"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
]


@pytest.mark.parametrize(("session", "named"), SETTINGS, ids=[named for _, named in SETTINGS])
def test_a_setting_that_cannot_be_is_refused_by_name(server: Running, session: dict[str, Any], named: str) -> None:
    async def talk() -> None:
        async with dial(server) as socket:
            await receive(socket)
            await send(socket, "session.update", session={"type": "realtime", **session}, event_id="mine")
            event = await receive(socket)
            assert event["type"] == "error"
            assert named in event["error"]["message"]
            assert event["error"]["event_id"] == "mine"

    run(talk)


@pytest.mark.parametrize("token", ["", "wrong", f"{TOKEN} "[:-2]])
def test_without_the_token_nobody_comes_in(server: Running, token: str) -> None:
    async def talk() -> None:
        with pytest.raises(InvalidStatus) as refused:
            await dial(server, token=token).__aenter__()
        assert refused.value.response.status_code == 401

    run(talk)


def test_a_browser_shows_the_token_as_a_subprotocol_and_foreign_pages_may_not(server: Running) -> None:
    address = f"ws://{server.address}/v1/realtime"
    protocols: Any = ["realtime", f"openai-insecure-api-key.{TOKEN.replace(' ', '_')}"]

    async def talk() -> None:
        with pytest.raises(InvalidStatus) as refused:
            await connect(address, subprotocols=protocols).__aenter__()
        assert refused.value.response.status_code == 401
        for headers in ({"Origin": "https://example.org"}, {"Host": "example.org"}):
            with pytest.raises((InvalidStatus, ConnectionClosed)):
                await dial(server, **headers).__aenter__()
        async with dial(server, Origin=f"http://{server.address}") as socket:
            assert (await receive(socket))["type"] == "session.created"

    run(talk)


def test_an_answer_that_fails_is_told_and_the_next_one_comes(tiny_talker: Stepwave) -> None:
    def broken() -> Iterator[Event]:
        yield TextDelta("I was about")
        raise RuntimeError("a secret of the server")

    talker = ScriptedTalker(tiny_talker, broken(), said("yes", 0.1))

    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await receive(socket)
            await ask(socket)
            done = (await until(socket, "response.done"))[-1]["response"]
            assert done["status"] == "failed"
            assert "secret" not in json.dumps(done)
            assert done["output"][0]["content"][0]["transcript"] == "I was about"
            await ask(socket)
            assert (await until(socket, "response.done"))[-1]["response"]["status"] == "completed"

    with running(talker) as server:
        run(lambda: talk(server))


def test_events_in_the_wrong_order(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, said("a story", 30.0, pace=0.02), said("yes", 0.1))

    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await receive(socket)
            await send(socket, "conversation.item.create", item=TEXT_TURN, previous_item_id="nowhere")
            assert (await receive(socket))["error"]["param"] == "previous_item_id"
            result = {"type": "function_call_output", "call_id": "call_x", "output": "sunny"}
            await send(socket, "conversation.item.create", item=result)
            assert (await receive(socket))["error"]["code"] == "call_not_found"
            await ask(socket)
            item = (await until(socket, "response.output_audio.delta"))[-1]["item_id"]
            await send(socket, "response.create")
            events = await until(socket, "error")
            assert events[-1]["error"]["code"] == "conversation_already_has_active_response"
            await send(socket, "conversation.item.delete", item_id=item)
            assert (await until(socket, "error"))[-1]["error"]["code"] == "unsupported"
            await send(socket, "response.cancel")
            await until(socket, "response.done")

    with running(talker) as server:
        run(lambda: talk(server))


def test_no_session_hears_of_another(tiny_talker: Stepwave) -> None:
    words = [f"secret{number}" for number in range(6)]
    talker = ScriptedTalker(tiny_talker, *(said(word, 0.5, pace=0.01) for word in words))

    async def one(server: Running) -> tuple[set[str], int]:
        async with dial(server) as socket:
            await ask(socket)
            events = await until(socket, "response.done")
            shown = json.dumps(events)
            return {word for word in words if word in shown}, len(told(events))

    async def talk(server: Running) -> None:
        heard = await asyncio.gather(*(one(server) for _ in words))
        assert sorted(word for found, _ in heard for word in found) == words
        assert all(len(found) == 1 and size == 24_000 for found, size in heard)

    with running(talker) as server:
        run(lambda: talk(server))
