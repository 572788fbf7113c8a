"""The servers' dialects, in streams like those they send."""

import base64
import io
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from stepwave.facts.errors import ConfigError, ServiceError
from stepwave.facts.events import AudioDelta, Event, Finished, SpeechDelta, TextDelta, ToolCallRequest
from stepwave.text.interleave import interleave
from stepwave.text.tokenizer import Tokenizer
from stepwave.vllm import dialects
from stepwave.vllm.dialects import Dialect, read_lines, read_stream


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    } | fields


def said(text: str = "", audio: str = "") -> dict[str, Any]:
    return chunk({"content": "", "tts_content": {"tts_text": text, "tts_audio": audio}})


def lines(*chunks: dict[str, Any], done: bool = True) -> Iterator[str]:
    for each in chunks:
        yield f"data: {json.dumps(each, ensure_ascii=False)}"
        yield ""
    if done:
        yield "data: [DONE]"


def read(dialect: Dialect, *chunks: dict[str, Any]) -> list[Event]:
    return list(read_stream(read_lines(lines(*chunks)), dialect))


def finished(events: list[Event]) -> Finished:
    assert sum(isinstance(event, Finished) for event in events) == 1
    assert isinstance(events[-1], Finished)
    return events[-1]


def wav(samples: np.ndarray, rate: int = 24_000) -> str:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")
    return base64.b64encode(file.getvalue()).decode()


def test_the_released_fork_sends_text_and_codes_in_a_field_of_their_own() -> None:
    events = read(
        "released",
        chunk({"role": "assistant", "content": "", "tts_content": {}}),
        said("今天"),
        said("", "<audio_1493><audio_4299>"),
        said("", "<audio_0>"),
        said("天气很好", "<audio_6560><audio_6561>"),
        chunk({"content": ""}, "stop"),
    )
    assert events[:-1] == [
        TextDelta("今天"),
        SpeechDelta((1493, 4299)),
        SpeechDelta((0,)),
        TextDelta("天气很好"),
        SpeechDelta((6560,)),
    ]
    end = finished(events)
    assert (end.reason, end.text_tokens, end.speech_tokens) == ("stop", 2, 4)


def test_the_released_fork_sends_a_tool_call_after_what_is_said() -> None:
    call = {"index": 0, "id": "call-1", "type": "function", "function": {"name": "search", "arguments": ""}}
    events = read(
        "released",
        said("Let me look.", "<audio_7>"),
        chunk({"content": " One moment."}),
        chunk({"tool_calls": [call]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"query": '}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"rain"}'}}]}),
        chunk({}, "tool_calls"),
    )
    assert events[:-1] == [
        TextDelta("Let me look."),
        SpeechDelta((7,)),
        TextDelta(" One moment."),
        ToolCallRequest("search", '{"query": "rain"}'),
    ]
    assert finished(events).reason == "stop"


def test_omni_sends_sound_between_the_text() -> None:
    first, second = np.linspace(-0.5, 0.5, 480, dtype=np.float32), np.full(240, 0.25, dtype=np.float32)
    events = read(
        "omni",
        chunk({"role": "assistant", "content": ""}, modality="text"),
        chunk({"content": "Good"}, modality="text"),
        chunk({"role": "assistant", "content": wav(first)}, "stop", modality="audio"),
        chunk({"content": " morning."}, "length", modality="text"),
        chunk({"role": "assistant", "content": wav(second)}, modality="audio"),
        {"object": "chat.completion.chunk", "choices": [], "usage": {"completion_tokens": 9}},
    )
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Good", " morning."]
    sound = [event for event in events if isinstance(event, AudioDelta)]
    assert [event.sample_rate for event in sound] == [24_000, 24_000]
    np.testing.assert_array_equal(np.concatenate([event.samples for event in sound]), np.concatenate([first, second]))
    assert finished(events).reason == "length"


def of_ids(ids: list[int], cuts: list[int], finish: str = "stop") -> list[dict[str, Any]]:
    """Chunks that hold `ids`, cut before the places named."""
    borders = [0, *sorted(cuts), len(ids)]
    pieces = [ids[start:end] for start, end in pairwise(borders)]
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": "x"}, "token_ids": piece, "finish_reason": None}]}
        for piece in pieces
        if piece
    ]
    return [*chunks, chunk({}, finish)]


@given(st.data())
def test_ids_give_the_same_answer_however_they_are_cut(tiny_tokenizer: Tokenizer, data: st.DataObject) -> None:
    special = tiny_tokenizer.special
    text, codes = "今天 it is a river", [5, 6560, 0, 17, 44, 1]
    call = '<tool_call>function\nsearch\n{"query": "rain"}</tool_call>'
    ids = interleave(tiny_tokenizer.encode(text), codes, special)
    ids = [*ids, special.tts_end, *tiny_tokenizer.encode(call), special.eot]
    cuts = data.draw(st.lists(st.integers(0, len(ids)), max_size=12))
    events = list(read_stream(of_ids(ids, cuts), "ids", tiny_tokenizer, spoken=True))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == text
    assert [code for event in events if isinstance(event, SpeechDelta) for code in event.codes] == codes
    assert [event for event in events if isinstance(event, ToolCallRequest)] == [
        ToolCallRequest("search", '{"query": "rain"}')
    ]
    assert finished(events).speech_tokens == len(codes)


def test_ids_tell_a_call_that_was_cut_short(tiny_tokenizer: Tokenizer) -> None:
    ids = tiny_tokenizer.encode("<tool_call>function\nsearch\n{")
    events = list(read_stream(of_ids(ids, [3], "length"), "ids", tiny_tokenizer))
    assert [event.name for event in events if isinstance(event, ToolCallRequest)] == ["search"]
    assert finished(events).reason == "length"


def test_ids_must_be_asked_for(tiny_tokenizer: Tokenizer) -> None:
    with pytest.raises(ServiceError, match="return_token_ids"):
        list(read_stream([chunk({"content": "Good"})], "ids", tiny_tokenizer))
    with pytest.raises(ConfigError, match="tokenizer"):
        read_stream([], "ids")


@pytest.mark.parametrize("dialect", ["released", "omni"])
def test_what_arrived_before_a_stream_breaks_is_told(dialect: Dialect) -> None:
    stream = read_stream(read_lines(lines(chunk({"content": "Good"}), done=False)), dialect)
    assert next(stream) == TextDelta("Good")
    with pytest.raises(ServiceError, match="broke off"):
        next(stream)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (chunk({"content": "Good"}), "no end"),
        (chunk({}, "content_filter"), "content_filter"),
        ({"error": {"message": "out of\nmemory", "code": 500}}, "out of memory"),
        ({"object": "list"}, "without choices"),
        (chunk({"content": ["Good"]}), "content that is a list"),
        (chunk({"tts_content": "Good"}), "tts_content that is a str"),
        (chunk({"tool_calls": [{"index": 64, "function": {}}]}), "index 64"),
        (chunk({"tool_calls": ["search"]}), "tool call that is a str"),
        ({"choices": ["Good"]}, "choice that is a str"),
    ],
)
def test_a_stream_that_is_not_of_the_dialect_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ServiceError, match=told):
        read("released", wrong)


@pytest.mark.parametrize("content", ["no base64!", base64.b64encode(b"no sound").decode()])
def test_sound_that_is_none_is_refused(content: str) -> None:
    with pytest.raises(ServiceError, match="WAV in base64"):
        read("omni", chunk({"content": content}, modality="audio"))


def test_another_modality_is_refused() -> None:
    with pytest.raises(ServiceError, match="'image'"):
        read("omni", chunk({"content": ""}, modality="image"))


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(ConfigError, match="ids, released or omni"):
        read_stream([], "sglang")  # type: ignore[arg-type]


def test_arguments_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialects, "MOST_ARGUMENTS", 10)
    piece = chunk({"tool_calls": [{"index": 0, "function": {"arguments": "123456"}}]})
    with pytest.raises(ServiceError, match="more than 10"):
        read("released", piece, piece)


@pytest.mark.parametrize(
    ("line", "told"), [("data: {", "not JSON"), ("data: 5", "is a int"), ("x" * 50, "50 characters")]
)
def test_a_line_that_is_no_event_is_refused(line: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialects, "LONGEST_LINE", 40)
    with pytest.raises(ServiceError, match=told):
        list(read_lines([": comment", line]))
