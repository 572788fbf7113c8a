"""The unmodified `openai` client, spoken to by a model that babbles or by one whose answers are written here."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import openai
import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import AudioPart, TextPart
from stepwave.facts.events import Finished, TextDelta, ToolCallRequest
from stepwave.signal.files import read_audio

from ..conftest import Running, running
from ..scripted import PIECE, ScriptedTalker, said

WRITTEN: list[Any] = [{"role": "user", "content": "Name three rivers."}]
SPOKEN: dict[str, Any] = {"modalities": ["text", "audio"], "audio": {"voice": "alice", "format": "pcm16"}}
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}


def test_a_written_answer_with_its_counts(server: Running) -> None:
    with server.client as client:
        answer = client.chat.completions.create(model="nano", messages=WRITTEN, max_completion_tokens=8, seed=1)
    assert answer.choices[0].message.content
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage is not None
    assert usage.completion_tokens_details is not None
    assert usage.prompt_tokens > 10
    assert 0 < usage.completion_tokens <= 8
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens_details.audio_tokens == 0


def test_the_same_seed_gives_the_same_answer_streamed_or_not(server: Running) -> None:
    async def streamed() -> tuple[str, str | None]:
        async with server.async_client as client:
            stream = await client.chat.completions.create(
                model="nano", messages=WRITTEN, seed=3, temperature=0.9, top_p=0.9, max_tokens=40, stream=True
            )
            chunks = [chunk async for chunk in stream]
        assert chunks[0].choices[0].delta.role == "assistant"
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks), chunks[-1].choices[0].finish_reason

    with server.client as client:
        ask: dict[str, Any] = {"model": "nano", "messages": WRITTEN, "max_tokens": 40, "temperature": 0.9, "top_p": 0.9}
        whole = client.chat.completions.create(**ask, seed=3).choices[0]
        other = client.chat.completions.create(**ask, seed=4).choices[0]
    assert asyncio.run(streamed()) == (whole.message.content, whole.finish_reason)
    assert other.message.content != whole.message.content


@pytest.mark.parametrize("name", ["wav", "mp3", "flac", "opus", "pcm16"])
def test_a_spoken_answer_in_each_format(server: Running, recorded: list[Any], name: str) -> None:
    with server.client as client:
        answer = client.chat.completions.create(
            model="nano",
            messages=recorded,
            modalities=["text", "audio"],
            audio={"voice": "bob", "format": name},  # type: ignore[typeddict-item]
            max_tokens=60,
            seed=1,
        )
    sound = answer.choices[0].message.audio
    assert sound is not None
    data = base64.b64decode(sound.data)
    samples = np.frombuffer(data, "<i2") if name == "pcm16" else read_audio(data, sample_rate=None).samples
    assert len(samples) > 12_000
    assert answer.choices[0].message.content is None
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.prompt_tokens_details.audio_tokens
    assert answer.usage.completion_tokens_details.audio_tokens


def test_a_spoken_answer_streamed(server: Running, recorded: list[Any]) -> None:
    ask: dict[str, Any] = {"model": "nano", "messages": recorded, "seed": 5, "max_tokens": 100, **SPOKEN}
    with server.client as client:
        chunks = list(client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
        whole = client.chat.completions.create(**ask)
    deltas = [
        chunk.choices[0].delta.model_dump(exclude_none=True).get("audio", {}) for chunk in chunks if chunk.choices
    ]
    pieces = [base64.b64decode(delta["data"]) for delta in deltas if "data" in delta]
    kept = whole.choices[0].message.audio
    assert kept is not None
    assert len(pieces) > 1
    assert b"".join(pieces) == base64.b64decode(kept.data)
    assert "".join(delta.get("transcript", "") for delta in deltas) == kept.transcript
    assert len({delta["id"] for delta in deltas if delta}) == 1
    assert any("expires_at" in delta for delta in deltas)
    assert chunks[-1].usage == whole.usage
    assert not chunks[-1].choices
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason


def test_a_spoken_answer_goes_on_by_its_id(server: Running, recorded: list[Any]) -> None:
    """What the model said is read as it was said, so the prompt grows by its tokens, those of sound included."""
    with server.client as client:
        first = client.chat.completions.create(model="nano", messages=recorded, max_tokens=50, **SPOKEN)
        message = first.choices[0].message
        further = [*recorded, message.model_dump(exclude_none=True), *WRITTEN]
        second = client.chat.completions.create(model="nano", messages=further, max_tokens=5)
        assert first.usage is not None
        assert second.usage is not None
        # How long it speaks is chance: a random model may end after a few tokens. Further is what was written.
        grown = second.usage.prompt_tokens - first.usage.prompt_tokens - first.usage.completion_tokens
        assert 0 < grown < 20
        further[1] = {"role": "assistant", "audio": {"id": "audio_unknown"}}
        with pytest.raises(openai.BadRequestError, match="'audio_unknown' is not kept any more"):
            client.chat.completions.create(model="nano", messages=further)


def test_what_the_model_is_told(tiny_talker: Stepwave, recorded: list[Any]) -> None:
    """System prompt, tools, and every turn of before, in order."""
    talker = ScriptedTalker(tiny_talker, said("The Nile.", 0.2))
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Ulm"}'}}
    messages: list[Any] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Good day."},
        *recorded,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "It rains."},
    ]
    with running(talker) as server, server.client as client:
        answer = client.chat.completions.create(model="nano", messages=messages, tools=[TOOL], **SPOKEN)
    (session,) = talker.sessions
    assert [turn.role for turn in session.heard] == ["human", "assistant", "human", "assistant", "input"]
    parts = [turn.content for turn in session.heard]
    assert parts[0] == (TextPart("Hello."),)
    assert parts[1] == "Good day."
    assert isinstance(parts[2], tuple)
    assert isinstance(parts[2][0], AudioPart)
    assert parts[3] == '<tool_call>function\nweather\n{"place": "Ulm"}</tool_call>'
    assert parts[4] == (TextPart("It rains."),)
    assert session.asked[0]["voice"] == "alice"
    assert not session.asked[0]["text_only"]
    sound = answer.choices[0].message.audio
    assert sound is not None
    assert sound.transcript == "The Nile."
    assert len(base64.b64decode(sound.data)) == 2 * 2 * len(PIECE)


def test_a_tool_call_is_passed_on(tiny_talker: Stepwave) -> None:
    events = [
        TextDelta("One moment. "),
        ToolCallRequest("weather", '{"place": "Ulm"}'),
        ToolCallRequest("weather", '{"place": "Bern"}'),
        Finished("stop", 9, 0, 0.1),
    ]
    talker = ScriptedTalker(tiny_talker, events, events)
    with running(talker) as server, server.client as client:
        whole = client.chat.completions.create(model="nano", messages=WRITTEN, tools=[TOOL]).choices[0]
        chunks = list(client.chat.completions.create(model="nano", messages=WRITTEN, tools=[TOOL], stream=True))
    assert whole.finish_reason == chunks[-1].choices[0].finish_reason == "tool_calls"
    assert whole.message.content == "One moment."
    calls = [call.model_dump()["function"] for call in whole.message.tool_calls or ()]
    assert calls == [
        {"name": "weather", "arguments": '{"place": "Ulm"}'},
        {"name": "weather", "arguments": '{"place": "Bern"}'},
    ]
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [delta.index for delta in deltas] == [0, 1]
    assert [delta.function.arguments for delta in deltas if delta.function] == [call["arguments"] for call in calls]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "One moment."


def test_a_failure_amid_an_answer_is_told(tiny_talker: Stepwave) -> None:
    def broken() -> Any:
        yield TextDelta("One")
        raise ValueError("a secret")

    talker = ScriptedTalker(tiny_talker, broken(), broken())
    with running(talker) as server, server.client as client:
        with pytest.raises(openai.APIError, match="something went wrong inside the server") as caught:
            list(client.chat.completions.create(model="nano", messages=WRITTEN, stream=True))
        with pytest.raises(openai.InternalServerError, match="something went wrong inside the server"):
            client.chat.completions.create(model="nano", messages=WRITTEN)
    assert "secret" not in str(caught.value.body)


@pytest.mark.parametrize("stream", [True, False])
def test_a_server_that_stops_amid_an_answer_says_so(tiny_talker: Stepwave, stream: bool) -> None:
    with running(tiny_talker) as server, server.client as client:
        server.service.stopped.set()
        with pytest.raises(openai.APIError, match="the server stopped before the answer was complete"):
            list(client.chat.completions.create(model="nano", messages=WRITTEN, stream=stream))


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"model": "gpt-4o"}, "no model 'gpt-4o' here; ask for 'nano'"),
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"messages": [{"role": "system", "content": "Be brief."}]}, "end without a question"),
        ({"messages": [*WRITTEN, {"role": "assistant", "content": "No."}]}, "end without a question"),
        ({"messages": [*WRITTEN, {"role": "system", "content": "x"}]}, "put it at the beginning"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "'nobody'"),
        ({"messages": [{"role": "user", "content": " "}]}, "empty text in a 'human' turn"),
        ({"messages": [{"role": "user", "content": []}]}, "at least 1 item"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "'image_url'"),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "c"}]}, "no message before made the call 'c'"),
        ({"n": 2}, "n: Value error, this server can't do that; send 1, or leave it out"),
        ({"logprobs": True}, "logprobs: .*send false"),
        ({"stop": "x"}, "stop: .*leave it out"),
        ({"response_format": {"type": "json_object"}}, "response_format: .*this server can't do that"),
        ({"tool_choice": "required"}, "tool_choice: .*send \"auto\""),
        ({"tools": [TOOL, TOOL]}, "several tools are called weather"),
        ({"temperature": 3}, "temperature: "),
        ({"max_tokens": 0}, "max_tokens: "),
        ({"modalities": ["text", "audio"]}, "say how in audio"),
        ({"audio": {"voice": "alice", "format": "wav"}}, "add \"audio\" to modalities"),
        ({**SPOKEN, "audio": {"voice": "nobody", "format": "wav"}}, "no voice 'nobody'; stored voices: alice, bob"),
        ({**SPOKEN, "audio": {"voice": "/etc/passwd", "format": "wav"}}, "no voice '/etc/passwd'"),
        ({**SPOKEN, "audio": {"voice": "alice", "format": "aac"}}, "'aac' can't be written here"),
        ({**SPOKEN, "audio": {"voice": "alice", "format": "wav"}, "stream": True}, "streamed sound is pcm16 alone"),
        ({"extra_body": {"colour": "red"}}, "colour: Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(server: Running, asked: dict[str, Any], complaint: str) -> None:
    with server.client as client, pytest.raises(openai.APIStatusError, match=complaint) as caught:
        client.chat.completions.create(**{"model": "nano", "messages": WRITTEN, **asked})
    assert caught.value.status_code == (404 if "model" in asked else 400)


@pytest.mark.parametrize(
    ("data", "code", "complaint"),
    [
        ("#no base64#", "invalid_base64", "messages.0.content.0.input_audio.data: this is no base64"),
        (base64.b64encode(b"no sound at all").decode(), "invalid_audio", "messages.0.content.0"),
        ("", "invalid_audio", "messages.0.content.0"),
    ],
)
def test_a_recording_that_cannot_be_used(server: Running, data: str, code: str, complaint: str) -> None:
    messages: Any = [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]}
    ]
    with server.client as client, pytest.raises(openai.BadRequestError, match=complaint) as caught:
        client.chat.completions.create(model="nano", messages=messages)
    assert caught.value.code == code


def test_two_clients_are_answered_by_turns(server: Running, recorded: list[Any]) -> None:
    async def text(client: openai.AsyncOpenAI, seed: int) -> str:
        stream: AsyncIterator[Any] = await client.chat.completions.create(
            model="nano", messages=recorded, seed=seed, temperature=1.0, max_tokens=60, stream=True
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def all_of_them() -> tuple[list[str], list[str]]:
        async with server.async_client as client:
            together = await asyncio.gather(*(text(client, seed) for seed in range(4)))
            return together, [await text(client, seed) for seed in range(4)]

    together, apart = asyncio.run(all_of_them())
    assert together == apart
