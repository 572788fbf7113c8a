"""How much a server takes, how long, and what it says then; whoever talks already is not hurt."""

from __future__ import annotations

import asyncio
import base64
import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.events import Event, TextDelta
from stepwave.serving.realtime import registry
from stepwave.serving.realtime.conversation import Conversation

from ..conftest import Running, running
from ..scripted import ScriptedTalker, said
from .raw_client import ask, dial, receive, run, send, until


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


def test_soon_after_its_end_a_conversation_is_known_to_nothing(
    tiny_talker: Stepwave, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[weakref.ref[Conversation]] = []
    tidied = threading.Event()

    def begin(*args: Any) -> Conversation:
        conversation = Conversation(*args)
        begun.append(weakref.ref(conversation))
        return conversation

    def tidy() -> None:
        gc.collect()
        tidied.set()

    monkeypatch.setattr(registry, "Conversation", begin)
    monkeypatch.setattr(registry, "give_back_now", tidy)

    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await receive(socket)
            await ask(socket)
            await until(socket, "response.done")
            assert begun[0]() is not None

    with running(tiny_talker) as server:
        run(lambda: talk(server))
        assert tidied.wait(30)
        assert [conversation() for conversation in begun] == [None]


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
                assert (await receive(late))["error"]["code"] == "overloaded"

    with running(tiny_talker) as server:
        run(lambda: talk(server))
