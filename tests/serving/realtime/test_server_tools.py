"""Tools that the server runs within an answer: real ones, called by a scripted model, seen by the `openai` client."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from stepwave.dialogue.loop import NO_MORE_CALLS, ROUNDS
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import AudioPart, TextPart
from stepwave.facts.errors import ToolError
from stepwave.facts.events import Event, Finished, ToolCallRequest
from stepwave.serving.server_tools import ServerTools
from stepwave.signal.files import Audio
from stepwave.signal.resample import Samples
from stepwave.tools.clock import clock
from stepwave.tools.contract import VoiceFound, tool

from ..conftest import Running, pcm16, running
from ..scripted import ScriptedSession, ScriptedTalker, said
from .test_official_client import SILENCE, TOOL, append, ask, configure, one, run, sound_of, until

NOON = clock(lambda zone: datetime(2026, 3, 4, 12, 0, tzinfo=zone or ZoneInfo("UTC")))
TIME = ToolCallRequest("date_time", '{"time_zone": "Tokyo"}')
TOLD = '{"date": "2026-03-04", "weekday": "Wednesday", "time": "12:00", "time_zone": "Asia/Tokyo"}'


def calling(*calls: ToolCallRequest, text: str = "", seconds: float = 0.0) -> list[Event]:
    """A script: words, then calls."""
    before = list(said(text, seconds))[:-1] if text else []
    return [*before, *calls, Finished("stop", 1, round(25 * seconds), 0.1)]


def results(session: ScriptedSession) -> list[str]:
    return [m.content[0].text for m in session.heard if m.role == "input" and isinstance(m.content[0], TextPart)]  # type: ignore[index,union-attr]


def kinds(events: Iterable[Any]) -> list[str]:
    return [event.type for event in events]


class Slow:
    """A tool that works until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()

        def search(words: str) -> str:
            """Searches for a long time."""
            self.begun.set()
            assert self.go_on.wait(30)
            return f"found {words}"

        self.tool = tool(search)
        self.call = ToolCallRequest("search", '{"words": "rivers"}')

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 30)


async def answered(connection: AsyncRealtimeConnection, question: str = "Well?") -> list[Any]:
    await ask(connection, question)
    await connection.response.create()
    return await until(connection, "response.done")


def test_a_call_is_run_and_spoken_about_within_one_answer(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, calling(TIME, text="One moment.", seconds=0.2), said("It is noon.", 0.3))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        events = await answered(connection, "What time is it in Tokyo?")
        assert kinds(events).count("response.created") == 1
        before, call, after = events[-1].response.output
        assert (before.content[0].transcript, after.content[0].transcript) == ("One moment.", "It is noon.")
        assert (call.type, call.name, call.server_label) == ("mcp_call", "date_time", "stepwave")
        assert (call.arguments, call.output, call.error) == (TIME.arguments_json, TOLD, None)
        about = [event for event in events if getattr(event, "item_id", None) == call.id]
        assert kinds(about) == [
            "response.mcp_call_arguments.delta",
            "response.mcp_call_arguments.done",
            "response.mcp_call.in_progress",
            "response.mcp_call.completed",
        ]
        assert about[0].delta == about[1].arguments == TIME.arguments_json
        assert {event.output_index for event in about} == {1}
        # What was said before the call is complete before the tool is run.
        order = kinds(events)
        assert order.index("response.output_audio.done") < order.index("response.mcp_call.in_progress")
        assert len(sound_of(events)) == 0.5 * 48_000
        usage = events[-1].response.usage.output_token_details
        assert (usage.text_tokens, usage.audio_tokens) == (1 + 3, 5 + 8)

    with running(talker, tools=ServerTools([NOON])) as server:
        run(server, talk)
        assert b'stepwave_tool_calls_total{status="done"} 1.0' in server.service.metrics.text()
    session = talker.sessions[0]
    assert [message.role for message in session.heard] == ["human", "input"]
    assert results(session) == [TOLD]
    assert [schema.name for schema in session.told[0][1]] == ["date_time"]


def test_sound_goes_on_after_a_call_in_formats_that_are_resampled(tiny_talker: Stepwave) -> None:
    script = calling(TIME, TIME, text="One moment.", seconds=0.5)
    talker = ScriptedTalker(tiny_talker, script, said("It is noon.", 0.5))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await configure(connection, audio={"output": {"format": {"type": "audio/pcmu"}}})
        events = await answered(connection)
        for number in (0, 3):
            item = events[-1].response.output[number].id
            told = [event for event in events if getattr(event, "item_id", None) == item]
            assert len(sound_of(told)) == pytest.approx(4_000, abs=40)

    with running(talker, tools=ServerTools([NOON])) as server:
        run(server, talk)


def test_bad_calls_and_failing_tools_are_told_to_client_and_model(tiny_talker: Stepwave) -> None:
    def strict(number: int) -> str:
        """Wants a number."""
        if number < 0:
            raise ToolError("the number must not be negative")
        raise ValueError("a secret of the server")

    calls = [
        ToolCallRequest("strict", '{"number": -1}'),
        ToolCallRequest("strict", '{"number": 1}'),
        ToolCallRequest("strict", '{"number": "many"}'),
        ToolCallRequest("strikt", "{}"),
        ToolCallRequest("strict", "[1"),
    ]
    talker = ScriptedTalker(tiny_talker, calling(*calls), said("That went wrong.", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        events = await answered(connection)
        *failed, message = events[-1].response.output
        assert events[-1].response.status == "completed"
        assert message.content[0].transcript == "That went wrong."
        assert kinds(events).count("response.mcp_call.failed") == 5
        reasons = [call.error.message for call in failed]
        assert results(talker.sessions[0]) == reasons
        assert [call.output for call in failed] == 5 * [None]
        wanted = ["must not be negative", "'strict' failed", "not of type 'integer'", "no tool called", "not JSON"]
        assert [one for one, reason in zip(wanted, reasons, strict=True) if one not in reason] == []
        assert "secret" not in json.dumps([event.to_dict() for event in events])

    with running(talker, tools=ServerTools([tool(strict)])) as server:
        run(server, talk)


def test_rounds_are_counted_and_the_model_is_told_of_the_last(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, *(calling(TIME) for _ in range(ROUNDS + 1)), said("So be it.", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        events = await answered(connection)
        output = events[-1].response.output
        assert [call.output for call in output] == ROUNDS * [TOLD] + [None]
        assert "no more tool calls" in output[-1].error.message
        assert results(talker.sessions[0]) == (ROUNDS - 1) * [TOLD] + [TOLD + NO_MORE_CALLS]
        # What the call too many came to is read with the next question.
        await answered(connection, "And now?")
        assert results(talker.sessions[0])[-1] == output[-1].error.message

    with running(talker, tools=ServerTools([NOON])) as server:
        run(server, talk)
    assert len(talker.sessions[0].asked) == ROUNDS + 2


def test_the_clients_tools_stand_beside_the_servers(tiny_talker: Stepwave) -> None:
    weather = ToolCallRequest("weather", '{"place": "Tokyo"}')
    talker = ScriptedTalker(tiny_talker, calling(weather, TIME), said("Noon, and sunny.", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        session = await configure(connection, tools=[TOOL])
        assert [one.name for one in session.tools] == ["weather"]
        events = await answered(connection)
        theirs, ours = events[-1].response.output
        assert (theirs.type, ours.type, ours.output) == ("function_call", "mcp_call", TOLD)
        # The client has to answer before the model goes on.
        assert len(talker.sessions[0].asked) == 1
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": theirs.call_id, "output": "sunny"}
        )
        await connection.response.create()
        events = await until(connection, "response.done")
        assert events[-1].response.output[0].content[0].transcript == "Noon, and sunny."

    with running(talker, tools=ServerTools([NOON])) as server:
        run(server, talk)
    session = talker.sessions[0]
    assert [schema.name for schema in session.told[0][1]] == ["date_time", "weather"]
    # In the order of the calls, though the server's result was there first.
    assert results(session) == ["sunny", TOLD]


def test_a_clients_tool_of_the_same_name_goes_first_and_none_offers_none(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, calling(TIME), said("yes", 0.1), calling(TIME), said("no", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await configure(connection, tools=[{**TOOL, "name": "date_time"}])
        (call,) = (await answered(connection))[-1].response.output
        assert call.type == "function_call"
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "late"}
        )
        await configure(connection, tools=[], tool_choice="none")
        await answered(connection)
        # The model calls it nevertheless.
        call, message = (await answered(connection))[-1].response.output
        assert "may not be used" in call.error.message
        assert message.content[0].transcript == "no"

    with running(talker, tools=ServerTools([NOON])) as server:
        run(server, talk)
    told = [[(schema.name, schema.description) for schema in tools] for _, tools in talker.sessions[0].told]
    assert told == [[("date_time", "Tells the weather.")], [], [], []]


def test_a_slow_tool_holds_up_no_other_conversation(tiny_talker: Stepwave) -> None:
    slow = Slow()
    talker = ScriptedTalker(tiny_talker, calling(slow.call), said("Something else.", 0.3), said("Rivers.", 0.1))

    async def both(server: Running) -> None:
        async with (
            asyncio.timeout(60),
            server.async_client as client,
            client.realtime.connect(model="m") as first,
            client.realtime.connect(model="m") as second,
        ):
            await ask(first, "Search.")
            await first.response.create()
            await until(first, "response.mcp_call.in_progress")
            await slow.until_begun()
            events = await answered(second)
            assert events[-1].response.output[0].content[0].transcript == "Something else."
            assert not slow.go_on.is_set()
            slow.go_on.set()
            call, message = (await until(first, "response.done"))[-1].response.output
            assert (call.output, message.content[0].transcript) == ("found rivers", "Rivers.")

    with running(talker, tools=ServerTools([slow.tool], seconds=30)) as server:
        asyncio.run(both(server))


def test_cancelling_ends_the_wait_for_a_tool(tiny_talker: Stepwave) -> None:
    slow = Slow()
    talker = ScriptedTalker(tiny_talker, calling(slow.call, text="Let me see.", seconds=0.1), said("yes", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await ask(connection, "Search.")
        await connection.response.create()
        await until(connection, "response.mcp_call.in_progress")
        await slow.until_begun()
        await connection.response.cancel()
        done = (await until(connection, "response.done"))[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        assert "stopped" in done.output[1].error.message
        # The tool is still at work, and the conversation goes on.
        assert (await answered(connection))[-1].response.status == "completed"
        assert not slow.go_on.is_set()

    with running(talker, tools=ServerTools([slow.tool], seconds=30)) as server:
        run(server, talk)
        slow.go_on.set()
    assert results(talker.sessions[0]) == []


def test_speech_interrupts_a_tool_at_work(tiny_talker: Stepwave, spoken_question: Samples) -> None:
    slow = Slow()
    talker = ScriptedTalker(tiny_talker, calling(slow.call), said("yes", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await ask(connection, "Search.")
        await connection.response.create()
        await until(connection, "response.mcp_call.in_progress")
        await append(connection, pcm16(spoken_question) + 2 * SILENCE, 3_840)
        events = await until(connection, "response.done")
        assert events[-1].response.status_details.reason == "turn_detected"
        one(events, "response.mcp_call.failed")
        # What was said meanwhile is answered.
        assert (await until(connection, "response.done"))[-1].response.output[0].content[0].transcript == "yes"
        assert not slow.go_on.is_set()

    with running(talker, tools=ServerTools([slow.tool], seconds=30)) as server:
        run(server, talk)
        slow.go_on.set()


def test_a_client_that_leaves_ends_the_wait(tiny_talker: Stepwave) -> None:
    slow = Slow()
    talker = ScriptedTalker(tiny_talker, calling(slow.call))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await ask(connection, "Search.")
        await connection.response.create()
        await until(connection, "response.mcp_call.in_progress")

    async def over(server: Running) -> None:
        async with asyncio.timeout(30):
            while server.server._registry.count or not talker.sessions[0].closed:
                await asyncio.sleep(0.01)

    with running(talker, tools=ServerTools([slow.tool], seconds=30)) as server:
        run(server, talk)
        asyncio.run(over(server))
        assert not slow.go_on.is_set()
        slow.go_on.set()


def test_the_client_is_told_at_the_beginning_which_tools_there_are(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, said("yes", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        events = await until(connection, "mcp_list_tools.completed")
        listed = one(events, "conversation.item.done").item
        assert (listed.type, listed.server_label, listed.id) == ("mcp_list_tools", "stepwave", events[-1].item_id)
        assert [(one.name, one.input_schema) for one in listed.tools] == [("date_time", NOON.schema.parameters)]
        # It is no turn: a first item may still be put at the root.
        message: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Well?"}]}
        await connection.conversation.item.create(item=message, previous_item_id="root")
        await connection.response.create()
        await until(connection, "response.done")

    with running(talker, tools=ServerTools([NOON])) as server:
        run(server, talk)
    assert [message.role for message in talker.sessions[0].heard] == ["human"]


def test_a_side_question_has_the_tools_too(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, calling(TIME), said("Noon.", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        question: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "When?"}]}
        await connection.response.create(response={"conversation": "none", "input": [question]})
        events = await until(connection, "response.done")
        assert kinds(events).count("conversation.item.added") == 1  # the list of tools, at the beginning
        call, message = events[-1].response.output
        assert (call.output, message.content[0].transcript) == (TOLD, "Noon.")

    with running(talker, tools=ServerTools([NOON])) as server:
        run(server, talk)
    assert results(talker.sessions[1]) == [TOLD]


def test_a_voice_that_a_tool_finds_is_spoken_in_until_the_client_names_one(tiny_talker: Stepwave) -> None:
    clip = Audio((0.1 * np.random.default_rng(0).standard_normal(48_000)).astype(np.float32), 24_000)

    def find_voice() -> VoiceFound:
        """Finds a voice."""
        return VoiceFound("A calm voice.", "calm", clip)

    script = (
        calling(ToolCallRequest("find_voice", "{}")),
        said("So?", 0.2),
        said("Yes.", 0.2),
        said("As you wish.", 0.2),
    )
    talker = ScriptedTalker(tiny_talker, *script)

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await answered(connection, "Sound calmer, please.")
        await answered(connection)
        voice = tiny_talker.voices[0]
        await connection.session.update(session={"type": "realtime", "audio": {"output": {"voice": voice}}})
        await answered(connection)

    with running(talker, tools=ServerTools([tool(find_voice)])) as server:
        run(server, talk)
    session = talker.sessions[0]
    assert session.voices == [clip, None]
    (result,) = [message for message in session.heard if message.role == "input"]
    text, sound = result.content or ()
    assert text == TextPart("A calm voice.")
    assert isinstance(sound, AudioPart)
    assert len(sound.samples) == 32_000  # at the rate that the model hears
