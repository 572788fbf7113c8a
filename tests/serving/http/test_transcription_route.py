from __future__ import annotations

import asyncio
import io
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.serving.http import transcription_answer
from stepwave.serving.http.sound_formats import encoded
from stepwave.signal.files import read_audio

from ..conftest import TOKEN, Running

DEPRECATED = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
"""What OpenAI's client now says of translations."""
URL = "http://{}/v1/audio/transcriptions"


@pytest.fixture(scope="module")
def long_recording(question_file: bytes) -> bytes:
    """The question over and over, for more than two of the model's pieces."""
    question = read_audio(question_file, sample_rate=24_000).samples
    return encoded(np.tile(question, 1 + 55 * 24_000 // len(question)), "mp3")


def test_the_words_in_each_form(server: Running, tiny_talker: Stepwave, question_file: bytes) -> None:
    expected = tiny_talker.transcribe(question_file)
    seconds = read_audio(question_file).seconds
    assert expected
    with server.client as client:

        def ask(**how: Any) -> Any:
            return client.audio.transcriptions.create(model="nano", file=("question.wav", question_file), **how)

        assert ask().text == expected
        assert ask(response_format="text", language="en", prompt="Rivers", temperature=0) == expected
        full = ask(response_format="verbose_json", language="en", timestamp_granularities=["segment"])
    assert (full.text, full.language) == (expected, "en")
    assert full.duration == pytest.approx(seconds, abs=0.001)
    assert [(segment.start, segment.text) for segment in full.segments] == [(0.0, expected)]
    assert full.segments[0].end == full.duration


def test_a_long_recording_comes_piece_by_piece(server: Running, tiny_talker: Stepwave, long_recording: bytes) -> None:
    async def streamed() -> list[Any]:
        async with server.async_client as client:
            stream = await client.audio.transcriptions.create(
                model="nano", file=("long.mp3", long_recording), stream=True
            )
            return [event async for event in stream]

    events = asyncio.run(streamed())
    deltas = [event.delta for event in events[:-1]]
    assert len(deltas) == 3
    assert {event.type for event in events[:-1]} == {"transcript.text.delta"}
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == "".join(deltas) == tiny_talker.transcribe(long_recording)
    with server.client as client:
        full = client.audio.transcriptions.create(
            model="nano", file=("long.mp3", long_recording), response_format="verbose_json"
        )
    times = [(segment.start, segment.end) for segment in full.segments or ()]
    assert len(times) == 3
    assert [end for _, end in times[:-1]] == [start for start, _ in times[1:]]
    assert times[-1][1] == full.duration


@DEPRECATED
def test_a_model_that_has_not_learnt_it_says_so(server: Running, question_file: bytes) -> None:
    with server.client as client, pytest.raises(openai.APIStatusError, match="this model can't translate") as caught:
        client.audio.translations.create(model="nano", file=("question.wav", question_file))
    assert (caught.value.status_code, caught.value.code) == (400, "not_supported")


@DEPRECATED
def test_a_model_that_has_learnt_it_translates(
    server: Running, question_file: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny model stands for one: what it babbles is passed on."""
    monkeypatch.setattr(transcription_answer, "TRANSLATION_PROMPTS", {"stepwave": "In English, please."})
    with server.client as client:
        full = client.audio.translations.create(
            model="nano", file=("question.wav", question_file), response_format="verbose_json"
        )
    assert full.language == "en"
    assert full.text


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"model": "whisper-1"}, "no model 'whisper-1' here"),
        ({"file": ("a.wav", b"no sound at all")}, "file: "),
        ({"file": ("a.wav", b"")}, "file: "),
        ({"response_format": "srt"}, "response_format: Input should be 'json', 'text' or 'verbose_json'"),
        ({"response_format": "verbose_json", "timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ({"timestamp_granularities": ["segment"]}, "came without verbose_json"),
        ({"response_format": "text", "stream": True}, "a stream is json alone"),
        ({"temperature": 0.5}, "temperature: .*this server can't do that; send 0"),
        ({"include": ["logprobs"]}, "this server can't do that"),
        ({"extra_body": {"colour": "red"}}, "colour: Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(
    server: Running, question_file: bytes, asked: dict[str, Any], complaint: str
) -> None:
    with server.client as client, pytest.raises(openai.APIStatusError, match=complaint) as caught:
        client.audio.transcriptions.create(**{"model": "nano", "file": ("a.wav", question_file), **asked})
    assert caught.value.status_code == (404 if "model" in asked else 400)


def test_a_body_that_is_no_form(server: Running, question_file: bytes) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "multipart/form-data; boundary=x"}
    told = httpx.post(URL.format(server.address), headers=headers, content=b"--y\r\nnothing")
    assert told.status_code == 400
    assert told.json()["error"]["message"]
    told = httpx.post(URL.format(server.address), headers=headers | {"Content-Type": "text/plain"}, content=b"x")
    assert told.status_code == 400
    form: dict[str, Any] = {"files": {"file": io.BytesIO(question_file)}}
    told = httpx.post(URL.format(server.address), headers={"Authorization": headers["Authorization"]}, **form)
    assert (told.status_code, told.json()["error"]["param"]) == (400, "model")
