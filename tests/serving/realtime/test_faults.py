"""What clients do wrong, and what goes wrong for them: told in the protocol's words, and nobody else is hurt."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.events import Event, TextDelta

from ..conftest import TOKEN, Running, running
from ..scripted import ScriptedTalker, said

TEXT_TURN = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Well?"}]}


def dial(server: Running, query: str = "", token: str = TOKEN, **headers: str) -> connect:
    return connect(
        f"ws://{server.address}/v1/realtime?model=nano{query}",
        additional_headers={"Authorization": f"Bearer {token}", **headers},
        max_size=None,
    )


def run(talk: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(seconds):
            return await talk()

    return asyncio.run(bounded())


async def receive(socket: ClientConnection) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(await socket.recv())
    return event


async def until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    events = [await receive(socket)]
    while events[-1]["type"] != kind:
        events.append(await receive(socket))
    return events


async def send(socket: ClientConnection, kind: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, **fields}))


async def ask(socket: ClientConnection) -> None:
    await send(socket, "conversation.item.create", item=TEXT_TURN)
    await send(socket, "response.create")


WRONG: list[tuple[str, str, str | None]] = [
    ("{", "invalid_json", None),
    ("[" * 100_000, "invalid_json", None),
    ("[]", "invalid_json", None),
    ("{}", "unknown_event", "type"),
    ('{"type": "session.explode"}', "unknown_event", "type"),
    ('{"type": "input_audio_buffer.append", "audio": "§§"}', "invalid_value", "audio"),
    ('{"type": "input_audio_buffer.append", "audio": 7}', "invalid_value", "input_audio_buffer.append.audio"),
    ('{"type": "input_audio_buffer.commit"}', "input_audio_buffer_commit_empty", None),
    ('{"type": "response.cancel"}', "response_cancel_not_active", None),
    ('{"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": 1}', "item_not_found", "item_id"),
    ('{"type": "conversation.item.delete", "item_id": "x"}', "item_not_found", "item_id"),
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
    ({"audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}}}, "idle_timeout_ms"),
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


def test_a_full_server_says_so_at_once_and_has_room_again(tiny_talker: Stepwave) -> None:
    async def talk(server: Running) -> None:
        async with dial(server) as first:
            await receive(first)
            async with dial(server) as second:
                event = await receive(second)
                assert event["error"]["code"] == "server_full"
                with pytest.raises(ConnectionClosed) as closed:
                    await second.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1013
        for _ in range(200):
            async with dial(server) as third:
                if (await receive(third))["type"] == "session.created":
                    return
            await asyncio.sleep(0.05)
        raise AssertionError("a session that was closed still takes room")

    with running(tiny_talker, most_sessions=1) as server:
        run(lambda: talk(server))


def test_a_thousand_connections_at_once_leave_the_one_that_talks_alone(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, said("a story", 3.0, pace=0.02))

    async def knock(server: Running) -> str:
        try:
            async with dial(server) as socket:
                return str((await receive(socket))["type"])
        except (InvalidStatus, ConnectionClosed, OSError, TimeoutError) as error:
            return type(error).__name__

    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await receive(socket)
            await ask(socket)
            knocking = asyncio.gather(*(knock(server) for _ in range(1_000)))
            done = (await until(socket, "response.done"))[-1]["response"]
            assert done["status"] == "completed"
            outcomes = await knocking
        assert outcomes.count("error") + outcomes.count("InvalidStatus") > 0
        async with dial(server) as socket:
            assert (await receive(socket))["type"] in ("session.created", "error")

    with running(talker, most_sessions=4) as server:
        run(lambda: talk(server), 120)


def told(events: list[dict[str, Any]]) -> bytes:
    deltas = (event["delta"] for event in events if event["type"] == "response.output_audio.delta")
    return b"".join(base64.b64decode(delta) for delta in deltas)


def test_a_lost_connection_is_taken_up_with_nothing_lost_or_repeated(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, said("a long story", 4.0, pace=0.01))

    async def talk(server: Running) -> None:
        socket = await dial(server)
        created = await receive(socket)
        token = created["session"]["stepwave"]["resume"]
        await ask(socket)
        before = await until(socket, "response.output_audio.delta")
        before += [await receive(socket) for _ in range(3)]
        # Gone without goodbye: what was on its way is lost with the connection.
        socket.transport.abort()
        await asyncio.sleep(0.2)
        last = before[-1]["event_id"]
        async with dial(server, f"&resume={token}&last_event_id={last}") as again:
            after = await until(again, "response.done")
        numbers = [int(event["event_id"].removeprefix("event_")) for event in [created, *before, *after]]
        assert numbers == list(range(len(numbers)))
        assert len(told(before + after)) == 4 * 48_000
        assert len(talker.sessions) == 1
        # Who says goodbye is not waited for.
        async with dial(server, f"&resume={token}") as late:
            assert (await receive(late))["error"]["code"] == "session_not_found"

    with running(talker) as server:
        run(lambda: talk(server))


def test_of_two_clients_with_one_session_the_later_has_it(tiny_talker: Stepwave) -> None:
    async def talk(server: Running) -> None:
        async with dial(server) as first:
            created = await receive(first)
            token = created["session"]["stepwave"]["resume"]
            async with dial(server, f"&resume={token}&last_event_id={created['event_id']}") as second:
                with pytest.raises(ConnectionClosed) as closed:
                    await first.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4409
                await send(second, "session.update", session={"type": "realtime"})
                assert (await receive(second))["type"] == "session.updated"
            async with dial(server, "&resume=resume_made_up") as third:
                assert (await receive(third))["error"]["code"] == "session_not_found"

    with running(tiny_talker) as server:
        run(lambda: talk(server))


def test_a_session_nobody_comes_back_to_ends(tiny_talker: Stepwave) -> None:
    async def talk(server: Running) -> None:
        socket = await dial(server)
        token = (await receive(socket))["session"]["stepwave"]["resume"]
        socket.transport.abort()
        await asyncio.sleep(1.0)
        async with dial(server, f"&resume={token}") as again:
            assert (await receive(again))["error"]["code"] == "session_not_found"

    with running(tiny_talker, resume_seconds=0.2) as server:
        run(lambda: talk(server))


def test_a_client_that_never_reads_pauses_its_own_answer_alone(tiny_talker: Stepwave) -> None:
    made = []

    def endless() -> Iterator[Event]:
        for number in range(100_000):
            made.append(number)
            yield TextDelta("word " * 2_000)

    talker = ScriptedTalker(tiny_talker, endless(), said("yes", 0.1))

    async def talk(server: Running) -> None:
        async with dial(server) as deaf, dial(server) as other:
            await ask(deaf)
            await receive(other)
            count = -1
            while count != len(made):
                count = len(made)
                await asyncio.sleep(0.5)
            assert count < 5_000
            await ask(other)
            assert (await until(other, "response.done"))[-1]["response"]["status"] == "completed"
            deaf.transport.abort()

    with running(talker, most_unsent_bytes=200_000, resume_seconds=0.1) as server:
        run(lambda: talk(server))
    assert talker.sessions[0].closed == 1


async def too_much(socket: ClientConnection) -> None:
    """Sending or the next reading fails, whichever comes first."""
    await send(socket, "input_audio_buffer.append", audio="A" * 17_000_000)
    await socket.recv()


def test_sound_in_single_bytes_and_in_ten_megabytes(server: Running) -> None:
    async def talk() -> None:
        async with dial(server) as socket:
            await receive(socket)
            session = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
            await send(socket, "session.update", session=session)
            await receive(socket)
            for _ in range(500):
                await send(socket, "input_audio_buffer.append", audio=base64.b64encode(b"\x10").decode())
            await send(socket, "input_audio_buffer.clear")
            assert (await receive(socket))["type"] == "input_audio_buffer.cleared"
            large = base64.b64encode(bytes(7_500_000)).decode()
            assert len(large) == 10_000_000
            await send(socket, "input_audio_buffer.append", audio=large)
            assert (await receive(socket))["error"]["code"] == "input_audio_buffer_full"
            with pytest.raises(ConnectionClosed) as closed:
                await too_much(socket)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009

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


def test_a_client_gone_in_the_middle_of_an_answer_frees_the_model(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, said("a story", 600.0, pace=0.01), said("yes", 0.1))

    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await ask(socket)
            await until(socket, "response.output_audio.delta")
        while server.service.turns.count:
            await asyncio.sleep(0.02)
        assert talker.sessions[0].closed == 1

    with running(talker) as server:
        run(lambda: talk(server))


def test_a_stopped_server_finishes_its_answers_and_takes_no_new_ones(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, said("a story", 3.0, pace=0.05), said("yes", 0.1))

    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await receive(socket)
            await ask(socket)
            await until(socket, "response.output_audio.delta")
            server.server.stop()
            while not server.service.stopping.is_set():
                await asyncio.sleep(0.01)
            async with dial(server) as late:
                assert (await receive(late))["error"]["code"] == "stopping"
            done = (await until(socket, "response.done"))[-1]["response"]
            assert done["status"] == "completed"
            with pytest.raises(ConnectionClosed):
                await until(socket, "nothing more")

    with running(talker) as server:
        run(lambda: talk(server))


def test_answers_that_take_too_long_are_broken_off_when_the_server_stops(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, said("a story", 600.0, pace=0.02))

    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await ask(socket)
            await until(socket, "response.output_audio.delta")
            server.server.stop()
            with pytest.raises(ConnectionClosed):
                await until(socket, "nothing more")

    with running(talker, drain_seconds=0.3) as server:
        run(lambda: talk(server))


def test_who_says_nothing_for_long_is_let_go(tiny_talker: Stepwave) -> None:
    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await receive(socket)
            assert (await receive(socket))["error"]["code"] == "session_idle"
            with pytest.raises(ConnectionClosed):
                await socket.recv()

    with running(tiny_talker, idle_seconds=0.3) as server:
        run(lambda: talk(server))


def test_no_session_lasts_for_ever(tiny_talker: Stepwave) -> None:
    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await receive(socket)
            assert (await receive(socket))["error"]["code"] == "session_expired"
            with pytest.raises(ConnectionClosed):
                await socket.recv()

    with running(tiny_talker, session_seconds=0.5) as server:
        run(lambda: talk(server))


def test_with_its_memory_full_a_server_takes_nothing_new(tiny_talker: Stepwave) -> None:
    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await receive(socket)
            server.service.memory.most = 1
            await ask(socket)
            assert (await until(socket, "error"))[-1]["error"]["code"] == "overloaded"
            async with dial(server) as late:
                assert (await receive(late))["error"]["code"] == "server_full"

    with running(tiny_talker) as server:
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
