"""The unmodified `openai` client against a running server: what is asked, heard, said, called and interrupted."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import AudioPart, TextPart
from stepwave.facts.events import Finished, ToolCallRequest
from stepwave.serving.realtime.audio_formats import AudioFormat
from stepwave.signal.resample import Samples

from ..conftest import Running, pcm16, running
from ..scripted import PIECE, ScriptedTalker, said

SILENCE = bytes(48_000)
TOOL = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
}
_SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


def run(server: Running, talk: Callable[[AsyncRealtimeConnection], Any]) -> Any:
    """Talk over one connection, for at most half a minute."""

    async def all_of_it() -> Any:
        async with asyncio.timeout(60):
            async with server.async_client as client, client.realtime.connect(model="gpt-realtime") as connection:
                first = await connection.recv()
                assert first.type == "session.created"
                return await talk(connection)

    return asyncio.run(all_of_it())


async def until(connection: AsyncRealtimeConnection, kind: str, most: int = 2_000) -> list[Any]:
    """Events up to and including one of that type; each is one that the client knows, field by field."""
    events: list[Any] = []
    for _ in range(most):
        event = await connection.recv()
        _SERVER_EVENT.validate_python(event.to_dict(), strict=False)
        events.append(event)
        if event.type == kind:
            return events
        assert event.type != "error" or kind == "error", event
    raise AssertionError(f"no {kind} in {most} events")


def sound_of(events: list[Any]) -> bytes:
    return b"".join(base64.b64decode(event.delta) for event in events if event.type == "response.output_audio.delta")


def one(events: list[Any], kind: str) -> Any:
    found = [event for event in events if event.type == kind]
    assert len(found) == 1, [event.type for event in events]
    return found[0]


async def configure(connection: AsyncRealtimeConnection, **session: Any) -> Any:
    await connection.session.update(session={"type": "realtime", **session})
    return (await until(connection, "session.updated"))[-1].session


async def append(connection: AsyncRealtimeConnection, data: bytes, size: int = 48_000) -> None:
    for start in range(0, len(data), size):
        await connection.input_audio_buffer.append(audio=base64.b64encode(data[start : start + size]).decode())


async def ask(connection: AsyncRealtimeConnection, text: str) -> None:
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )


def test_a_written_question_is_answered_aloud(server: Running) -> None:
    async def talk(connection: AsyncRealtimeConnection) -> None:
        await ask(connection, "Name three rivers.")
        await connection.response.create()
        events = await until(connection, "response.done")
        order = [event.type for event in events]
        assert order[:3] == ["conversation.item.added", "conversation.item.done", "response.created"]
        begun = ["response.output_item.added", "conversation.item.added", "response.content_part.added"]
        assert order[3:6] == begun
        ended = ["response.output_audio.done", "response.output_audio_transcript.done", "response.content_part.done"]
        assert order[-6:-3] == ended
        assert order[-3:] == ["response.output_item.done", "conversation.item.done", "response.done"]
        response = events[-1].response
        assert response.status in ("completed", "incomplete")
        assert response.output[0].role == "assistant"
        assert response.usage.output_token_details.audio_tokens * 960 * 2 == len(sound_of(events))
        deltas = [event.delta for event in events if event.type == "response.output_audio_transcript.delta"]
        done = one(events, "response.output_audio_transcript.done")
        assert "".join(deltas).strip() == done.transcript

    run(server, talk)


def test_a_question_said_and_committed_by_hand(server: Running, spoken_question: Samples) -> None:
    async def talk(connection: AsyncRealtimeConnection) -> None:
        session = await configure(
            connection, audio={"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}}
        )
        assert session.audio.input.turn_detection is None
        # Cut within samples: nothing may be lost.
        await append(connection, pcm16(spoken_question), 9_999)
        await connection.input_audio_buffer.commit()
        events = await until(connection, "conversation.item.done")
        item = events[-1].item
        assert one(events, "input_audio_buffer.committed").item_id == item.id
        assert item.content[0].type == "input_audio"
        await connection.response.create()
        events = await until(connection, "response.done")
        assert len(sound_of(events)) > 0
        # It is written down before or after the answer, as there is time.
        completed = "conversation.item.input_audio_transcription.completed"
        if completed not in [event.type for event in events]:
            events = await until(connection, completed)
        written = one(events, completed)
        assert written.item_id == item.id
        assert written.usage.seconds == pytest.approx(len(spoken_question) / 24_000, abs=0.01)

    run(server, talk)


def test_the_server_finds_the_turn_and_answers(server: Running, spoken_question: Samples) -> None:
    async def talk(connection: AsyncRealtimeConnection) -> None:
        await append(connection, SILENCE + pcm16(spoken_question) + 2 * SILENCE, 3_840)
        events = await until(connection, "response.done")
        started, stopped = (
            one(events, "input_audio_buffer.speech_started"),
            one(events, "input_audio_buffer.speech_stopped"),
        )
        assert started.item_id == stopped.item_id == one(events, "input_audio_buffer.committed").item_id
        assert 500 < started.audio_start_ms < 1_300
        assert started.audio_start_ms + 500 < stopped.audio_end_ms < 1_000 + 1_000 * len(spoken_question) / 24_000 + 700
        assert len(sound_of(events)) > 0

    run(server, talk)


@pytest.mark.parametrize(("name", "rate"), [("audio/pcmu", 8_000), ("audio/pcma", 8_000), ("audio/pcm", 24_000)])
def test_sound_goes_both_ways_in_the_format_asked_for(
    tiny_talker: Stepwave, spoken_question: Samples, name: Any, rate: int
) -> None:
    talker = ScriptedTalker(tiny_talker, said("one two", 1.0))
    wire = AudioFormat(name)
    data = wire.encode(spoken_question[:: 24_000 // rate])

    async def talk(connection: AsyncRealtimeConnection) -> list[Any]:
        form = {"type": name}
        await configure(
            connection, audio={"input": {"format": form, "turn_detection": None}, "output": {"format": form}}
        )
        await append(connection, data, 777)
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        return await until(connection, "response.done")

    with running(talker) as server:
        heard = sound_of(run(server, talk))
    samples = wire.decode(heard)
    assert len(samples) == pytest.approx(rate, abs=rate // 100)
    assert samples[rate // 4 : -rate // 4] == pytest.approx(PIECE[0], abs=0.02)
    part = talker.sessions[0].heard[0].content[0]
    assert isinstance(part, AudioPart)
    assert len(part.samples) == pytest.approx(len(spoken_question) * 2 / 3, abs=200)


def test_only_writing_where_that_is_asked_for(server: Running) -> None:
    async def talk(connection: AsyncRealtimeConnection) -> None:
        await ask(connection, "Name three rivers.")
        await connection.response.create(response={"output_modalities": ["text"]})
        events = await until(connection, "response.done")
        assert not sound_of(events)
        text = one(events, "response.output_text.done").text
        assert events[-1].response.output[0].content[0].text.strip() == text

    run(server, talk)


def test_a_call_is_the_clients_to_run_and_its_result_is_answered(tiny_talker: Stepwave) -> None:
    call = ToolCallRequest("weather", '{"place": "Paris"}')
    first = [*list(said("Let me look.", 0.2))[:-1], call, Finished("stop", 3, 5, 0.1)]
    talker = ScriptedTalker(tiny_talker, first, said("It is sunny.", 0.2))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await configure(connection, tools=[TOOL], instructions="Be brief.")
        await ask(connection, "What is the weather in Paris?")
        await connection.response.create()
        events = await until(connection, "response.done")
        done = one(events, "response.function_call_arguments.done")
        assert (done.name, done.arguments) == ("weather", '{"place": "Paris"}')
        deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
        assert "".join(deltas) == done.arguments
        message, called = events[-1].response.output
        assert message.content[0].transcript == "Let me look."
        assert called.call_id == done.call_id
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": done.call_id, "output": "sunny, 20 degrees"}
        )
        await connection.response.create()
        events = await until(connection, "response.done")
        assert one(events, "response.output_audio_transcript.done").transcript == "It is sunny."

    with running(talker) as server:
        run(server, talk)
    session = talker.sessions[0]
    system, tools = session.told[0]
    assert system == "Be brief."
    assert [tool.entry() for tool in tools] == [
        {"type": "function", "function": {key: TOOL[key] for key in ("name", "description", "parameters")}}
    ]
    question, result = session.heard
    assert (question.role, question.content) == ("human", (TextPart("What is the weather in Paris?"),))
    assert (result.role, result.content) == ("input", (TextPart("sunny, 20 degrees"),))


def test_an_answer_is_cancelled_and_shortened_to_what_was_heard(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, said("a long story", 60.0, pace=0.02), said("yes", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await ask(connection, "Tell me a story.")
        await connection.response.create()
        events = await until(connection, "response.output_audio.delta")
        item = one(events, "response.output_item.added").item
        await connection.response.cancel()
        done = (await until(connection, "response.done"))[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        assert done.output[0].status == "incomplete"
        await connection.conversation.item.truncate(item_id=item.id, content_index=0, audio_end_ms=120)
        assert (await until(connection, "conversation.item.truncated"))[-1].audio_end_ms == 120
        await connection.conversation.item.retrieve(item_id=item.id)
        shown = (await until(connection, "conversation.item.retrieved"))[-1].item
        assert shown.content[0].transcript == "what was heard"
        await ask(connection, "Go on.")
        await connection.response.create()
        assert (await until(connection, "response.done"))[-1].response.status == "completed"

    with running(talker) as server:
        run(server, talk)
    session = talker.sessions[0]
    assert session.shortened == [0.12]
    assert session.closed == 2


def test_speech_that_lasts_stops_the_answer_and_a_hum_does_not(tiny_talker: Stepwave, spoken_question: Samples) -> None:
    talker = ScriptedTalker(tiny_talker, said("a long story", 60.0, pace=0.02), said("yes", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await ask(connection, "Tell me a story.")
        await connection.response.create()
        await until(connection, "response.output_audio.delta")
        time = np.arange(12_000) / 24_000
        hum = (0.1 * np.sin(2 * np.pi * 120 * time)).astype(np.float32)
        await append(connection, pcm16(hum) + SILENCE, 3_840)
        await append(connection, pcm16(spoken_question) + 2 * SILENCE, 3_840)
        events = await until(connection, "response.done")
        kinds = [event.type for event in events]
        assert kinds.count("input_audio_buffer.speech_started") == 1
        assert kinds.index("input_audio_buffer.speech_started") < kinds.index("response.done")
        details = events[-1].response.status_details
        assert (details.type, details.reason) == ("cancelled", "turn_detected")
        # The question that interrupted is answered then.
        assert (await until(connection, "response.done"))[-1].response.status == "completed"

    with running(talker) as server:
        run(server, talk)


def test_a_side_question_leaves_the_conversation_alone(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, said("aside", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        question = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Is it a question?"}]}
        await connection.response.create(
            response={"conversation": "none", "input": [question], "metadata": {"topic": "kind"}}
        )
        events = await until(connection, "response.done")
        assert events[-1].response.metadata == {"topic": "kind"}
        assert "conversation.item.added" not in [event.type for event in events]

    with running(talker) as server:
        run(server, talk)
    assert [len(session.asked) for session in talker.sessions] == [0, 1]


def test_who_stays_silent_is_asked_again(server: Running) -> None:
    async def talk(connection: AsyncRealtimeConnection) -> None:
        detection = {"type": "server_vad", "idle_timeout_ms": 5_000}
        heard = {"turn_detection": detection, "transcription": {"model": "whisper-1"}}
        session = await configure(connection, audio={"input": heard}, max_output_tokens=30)
        assert session.audio.input.turn_detection.idle_timeout_ms == 5_000
        await ask(connection, "Name three rivers.")
        await connection.response.create()
        answer = sound_of(await until(connection, "response.done"))
        await asyncio.sleep(len(answer) / 48_000 + 0.1)
        await append(connection, 7 * SILENCE)
        events = await until(connection, "response.done")
        triggered = one(events, "input_audio_buffer.timeout_triggered")
        assert triggered.item_id == one(events, "input_audio_buffer.committed").item_id
        assert 5_000 <= triggered.audio_end_ms - triggered.audio_start_ms <= 6_000
        added = [event.item for event in events if event.type == "conversation.item.added"]
        assert [(item.role, item.content[0].type) for item in added[:1]] == [("user", "input_audio")]
        assert events[-1].response.status in ("completed", "incomplete"), events[-1].response
        written = (await until(connection, "conversation.item.input_audio_transcription.completed"))[-1]
        assert (written.item_id, written.transcript) == (triggered.item_id, "")

    run(server, talk)


def test_places_count_from_the_start_of_the_session(tiny_talker: Stepwave, spoken_question: Samples) -> None:
    talker = ScriptedTalker(tiny_talker, said("yes", 0.1))

    async def talk(connection: AsyncRealtimeConnection) -> None:
        await configure(connection, audio={"input": {"turn_detection": None}})
        await append(connection, 4 * SILENCE)
        await configure(connection, audio={"input": {"turn_detection": {"type": "server_vad"}}})
        await append(connection, SILENCE + pcm16(spoken_question) + 2 * SILENCE, 3_840)
        events = await until(connection, "response.done")
        assert 4_500 < one(events, "input_audio_buffer.speech_started").audio_start_ms < 5_300
        seconds = len(spoken_question) / 24_000
        part = talker.sessions[0].heard[0].content[0]
        assert isinstance(part, AudioPart)
        # With half a second of silence, or less where the answer was begun in it.
        assert seconds - 0.2 <= len(part.samples) / 16_000 <= seconds + 0.9

    with running(talker) as server:
        run(server, talk)
