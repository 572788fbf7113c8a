"""Connections that break, are taken up again, or never come back."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from stepwave.dialogue.stepwave import Stepwave

from ..conftest import Running, running
from ..scripted import ScriptedTalker, said
from .raw_client import ask, dial, receive, run, send, told, until


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


def test_an_answer_that_a_change_waits_for_ends_with_its_client(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, said("yes", 0.1), said("a story", 600.0, pace=0.01))

    async def talk(server: Running) -> None:
        async with dial(server) as socket:
            await ask(socket)
            first = (await until(socket, "response.done"))[-1]["response"]["output"][0]["id"]
            await ask(socket)
            await until(socket, "response.output_audio.delta")
            await send(socket, "conversation.item.truncate", item_id=first, audio_end_ms=0)
            await send(socket, "session.update", session={"type": "realtime"})
            await until(socket, "session.updated")
        while server.service.turns.count:
            await asyncio.sleep(0.02)
        assert talker.sessions[0].closed == 2

    with running(talker) as server:
        run(lambda: talk(server))
