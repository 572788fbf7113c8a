from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest

from stepwave.dialogue.stepwave import PAUSE_SECONDS, Stepwave
from stepwave.facts.events import AudioDelta, Event, Finished
from stepwave.signal.files import read_audio
from stepwave.signal.pcm import encode_pcm16

from ..conftest import Running, running
from .conftest import WAITING_SECONDS

TEXT = "The river is high today. It was low for the whole of last summer."


SENTENCE = np.full(12_000, 0.25, dtype=np.float32)


class Reader(Stepwave):
    """Reads half a second for each of two sentences, the second when it may."""

    def __init__(self, talker: Stepwave) -> None:
        super().__init__(talker.engine)
        self.go_on = threading.Event()

    def stream_say(self, *_: Any, **__: Any) -> Iterator[Event]:
        for number in range(2):
            if number:
                assert self.go_on.wait(WAITING_SECONDS)
            yield AudioDelta(SENTENCE[:5000], 24_000)
            yield AudioDelta(SENTENCE[5000:], 24_000)
            yield Finished("stop", 3, 12, 0.1)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("flac", "audio/flac"), ("wav", "audio/wav")],
)
def test_a_file_in_each_format(server: Running, name: Any, media_type: str) -> None:
    with server.client as client:
        answer = client.audio.speech.create(model="nano", voice="alice", input="A river.", response_format=name)
    assert answer.response.headers["content-type"] == media_type
    assert read_audio(answer.content).seconds > 0.2


def test_without_a_format_it_is_mp3_and_a_voice_of_openai_is_the_models_own(server: Running) -> None:
    with server.client as client:
        answer = client.audio.speech.create(model="nano", voice="alloy", input="A river.")
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert read_audio(answer.content).seconds > 0.2


def test_a_sentence_is_heard_before_the_next_is_made(tiny_talker: Stepwave) -> None:
    async def streamed(server: Running) -> bytes:
        sound = b""
        async with (
            server.async_client as client,
            client.audio.speech.with_streaming_response.create(
                model="nano", voice="bob", input=TEXT, response_format="pcm"
            ) as answer,
        ):
            async for piece in answer.iter_bytes():
                sound += piece
                if len(sound) == 2 * len(SENTENCE):
                    reader.go_on.set()
        return sound

    reader = Reader(tiny_talker)
    with running(reader) as server:
        sound = asyncio.run(streamed(server))
    pause = np.zeros(round(PAUSE_SECONDS * 24_000), dtype=np.float32)
    assert sound == encode_pcm16(np.concatenate([SENTENCE, pause, SENTENCE]))


def test_events(server: Running) -> None:
    async def streamed() -> tuple[bytes, dict[str, Any]]:
        sound, usage = b"", {}
        async with (
            server.async_client as client,
            client.audio.speech.with_streaming_response.create(
                model="nano", voice="bob", input="A river.", response_format="wav", stream_format="sse"
            ) as answer,
        ):
            assert answer.headers["content-type"].startswith("text/event-stream")
            async for line in answer.iter_lines():
                if line:
                    event = openai.BaseModel.model_validate_json(line.removeprefix("data: ")).model_dump()
                    sound += base64.b64decode(event.get("audio", ""))
                    usage = event.get("usage", usage)
        return sound, usage

    sound, usage = asyncio.run(streamed())
    audio = read_audio(sound, sample_rate=None)
    assert audio.sample_rate == 24_000
    assert np.abs(audio.samples).max() > 0
    assert audio.seconds == pytest.approx(usage["output_tokens"] / 25, abs=0.1)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"model": "tts-1"}, "no model 'tts-1' here"),
        ({"voice": "nobody"}, "no voice 'nobody'; stored voices: alice, bob"),
        ({"voice": {"id": "nobody"}}, "no voice 'nobody'"),
        ({"voice": "/etc/passwd"}, "no voice '/etc/passwd'"),
        ({"response_format": "aac"}, "the format 'aac' can't be written here; take one of: wav, mp3"),
        ({"speed": 1.5}, "speed: Value error, this server can't do that; send 1, or leave it out"),
        ({"input": "  "}, "got an empty text"),
        ({"input": "a" * 4097}, "input: String should have at most 4096 characters"),
        ({"stream_format": "video"}, "stream_format: "),
    ],
)
def test_what_cannot_be_done_is_refused(server: Running, asked: dict[str, Any], complaint: str) -> None:
    with server.client as client, pytest.raises(openai.APIStatusError, match=complaint) as caught:
        client.audio.speech.create(**{"model": "nano", "voice": "alice", "input": "A river.", **asked})
    assert caught.value.status_code == (404 if "model" in asked else 400)
