"""Streams of chat completions, in the dialects that servers of this model speak, as our typed events.

    ids        vLLM with our plug-in, asked with `"return_token_ids": true`: each choice holds its `token_ids`
    released   the released fork of vLLM (reference facts 8): `delta.tts_content` holds `tts_text` and `tts_audio`
    omni       vllm-omni: chunks have a `modality`; text as usual, sound as a WAV in base64 in `delta.content`

All are told by the first choice of a chunk. Nothing is requested here: whoever opens the connection hands in lines or
chunks. Speech tokens come as `SpeechDelta`, finished sound as `AudioDelta`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, Protocol

from stepwave.facts.errors import AudioError, ConfigError, LanguageServerError
from stepwave.facts.events import (
    AudioDelta,
    Event,
    Finished,
    FinishReason,
    SpeechDelta,
    TextDelta,
    ToolCallRequest,
)
from stepwave.facts.tokens import SPEECH_CODES
from stepwave.generation.words import WordStream
from stepwave.signal.files import read_audio
from stepwave.text.interleave import Deinterleaver
from stepwave.text.tokenizer import Tokenizer

Dialect = Literal["ids", "released", "omni"]
LONGEST_LINE: Final = 32_000_000
"""Characters of one line of a stream; a minute of sound as base64 has 8 million."""
MOST_TOOL_CALLS: Final = 64
"""Tool calls of one answer."""
MOST_ARGUMENTS: Final = 1_000_000
"""Characters of one call's arguments."""
_SPEECH_TOKEN: Final = re.compile(r"<audio_(\d{1,5})>")
_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop", "tool_calls": "stop", "length": "length", "abort": "interrupted",
}  # fmt: skip


def read_lines(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Server-sent events, line by line without line ends, as chunks.

    Raises LanguageServerError for a line that is too long or no JSON object, for an error that the server reports, and
    where the stream ends without `[DONE]`.
    """
    for line in lines:
        if len(line) > LONGEST_LINE:
            raise LanguageServerError(
                f"the server sent a line of {len(line):,} characters; wanted {LONGEST_LINE:,} at most"
            )
        if not line.startswith("data:"):  # comments, event names and the empty lines between events
            continue
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise LanguageServerError(f"the server sent a chunk that is not JSON ({error}); ask again") from None
        if not isinstance(chunk, dict):
            raise LanguageServerError(f"the server sent a chunk that is a {type(chunk).__name__}; wanted a JSON object")
        yield chunk
    raise LanguageServerError("the server's stream broke off before its end; ask again")


def read_stream(
    chunks: Iterable[Mapping[str, Any]], dialect: Dialect, tokenizer: Tokenizer | None = None, *, spoken: bool = False
) -> Iterator[Event]:
    """Chunks of one answer as events, the last one `Finished`.

    Args:
        chunks: `chat.completion.chunk` objects as dictionaries.
        dialect: which server sends them.
        tokenizer: the model's, which the dialect `ids` needs.
        spoken: for `ids`, whether the prompt ended in `<tts_start>`.

    `Finished.text_tokens` is the number of deltas with text where the dialect does not tell tokens apart; the servers
    send a token at a time.

    Raises:
        ConfigError: an unknown dialect, or `ids` without a tokenizer.
        LanguageServerError: a chunk is not of the dialect, the server reports an error, or the answer has no end.
    """
    return _events(chunks, _reader(dialect, tokenizer, spoken))


def error_text(error: Any) -> str:
    """What a server's error object says, on one line and shortened."""
    text = error.get("message") if isinstance(error, Mapping) else error
    return " ".join(str(text).split())[:300]


class _Reader(Protocol):
    """One dialect's reading of choices; it counts what it gave out."""

    text_tokens: int
    speech_tokens: int

    def take(self, chunk: Mapping[str, Any], choice: Mapping[str, Any]) -> Iterator[Event]:
        """Events of one choice."""

    def finish(self) -> Iterator[Event]:
        """What is held back when the answer ends."""


def _reader(dialect: Dialect, tokenizer: Tokenizer | None, spoken: bool) -> _Reader:
    if dialect == "ids":
        if tokenizer is None:
            raise ConfigError("the dialect 'ids' needs the model's tokenizer; hand it in")
        return _Ids(tokenizer, spoken)
    if dialect == "released":
        return _Released()
    if dialect == "omni":
        return _Omni()
    raise ConfigError(f"the dialect {dialect!r} is not known; choose ids, released or omni")


def _events(chunks: Iterable[Mapping[str, Any]], reader: _Reader) -> Iterator[Event]:
    started = time.perf_counter()
    reason: FinishReason | None = None
    for chunk in chunks:
        if chunk.get("error"):
            raise LanguageServerError(f"the server reports an error: {error_text(chunk['error'])}")
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            raise LanguageServerError("the server sent a chunk without choices; wanted a chat completion's stream")
        if not choices:  # the closing chunk with the usage
            continue
        choice = _object(choices[0], "choice")
        yield from reader.take(chunk, choice)
        if (ended := choice.get("finish_reason")) is not None:
            if ended not in _REASONS:
                raise LanguageServerError(f"the server ended the answer with the reason {ended!r}, which is not known")
            reason = _REASONS[ended]
    if reason is None:
        raise LanguageServerError("the server's answer has no end (no finish_reason); ask again")
    yield from reader.finish()
    yield Finished(reason, reader.text_tokens, reader.speech_tokens, time.perf_counter() - started)


class _Ids:
    """Token ids: nothing is lost, and the pattern of spoken answers is known."""

    def __init__(self, tokenizer: Tokenizer, spoken: bool) -> None:
        self.text_tokens = self.speech_tokens = 0
        self._pattern = Deinterleaver(tokenizer.special, inside=spoken)
        self._words = WordStream(tokenizer)

    def take(self, chunk: Mapping[str, Any], choice: Mapping[str, Any]) -> Iterator[Event]:
        ids = choice.get("token_ids") or []
        if not isinstance(ids, list) or not all(type(token) is int for token in ids):
            raise LanguageServerError("the server sent token_ids that are no list of numbers")
        content = _object(choice.get("delta") or {}, "delta").get("content")
        if content and not ids:
            raise LanguageServerError('the server sent text without token_ids; ask it with "return_token_ids": true')
        codes: list[int] = []
        for token in ids:
            item = self._pattern.push(token)
            if item.kind == "speech":
                codes.append(item.value)
            elif item.kind == "text":
                self.text_tokens += 1
                yield from self._words.push(item.value)
        if codes:
            self.speech_tokens += len(codes)
            yield SpeechDelta(tuple(codes))

    def finish(self) -> Iterator[Event]:
        yield from self._words.finish()


class _Released:
    """`tts_content` beside the usual fields."""

    def __init__(self) -> None:
        self.text_tokens = self.speech_tokens = 0
        self._calls = _ToolCalls()

    def take(self, chunk: Mapping[str, Any], choice: Mapping[str, Any]) -> Iterator[Event]:
        delta = _object(choice.get("delta") or {}, "delta")
        said = _object(delta.get("tts_content") or {}, "tts_content")
        for text in (_text(said, "tts_text"), _text(delta, "content")):
            if text:
                self.text_tokens += 1
                yield TextDelta(text)
        codes = [int(code) for code in _SPEECH_TOKEN.findall(_text(said, "tts_audio"))]
        codes = [code for code in codes if code < SPEECH_CODES]  # the server leaves padding out; a caller must too
        if codes:
            self.speech_tokens += len(codes)
            yield SpeechDelta(tuple(codes))
        self._calls.take(delta)

    def finish(self) -> Iterator[Event]:
        yield from self._calls.requests()


class _Omni:
    """Sound is made by the server."""

    def __init__(self) -> None:
        self.text_tokens = self.speech_tokens = 0
        self._calls = _ToolCalls()

    def take(self, chunk: Mapping[str, Any], choice: Mapping[str, Any]) -> Iterator[Event]:
        delta = _object(choice.get("delta") or {}, "delta")
        modality = chunk.get("modality") or "text"
        if modality not in ("text", "audio"):
            raise LanguageServerError(f"the server sent a chunk of modality {modality!r}; wanted text or audio")
        content = _text(delta, "content")
        if modality == "audio":
            if content:
                yield _sound(content)
            return
        if content:
            self.text_tokens += 1
            yield TextDelta(content)
        self._calls.take(delta)

    def finish(self) -> Iterator[Event]:
        yield from self._calls.requests()


class _ToolCalls:
    """OpenAI's tool calls in pieces: a delta with the name, then deltas with arguments."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._arguments: dict[int, str] = {}

    def take(self, delta: Mapping[str, Any]) -> None:
        for call in delta.get("tool_calls") or []:
            call = _object(call, "tool call")
            index = call.get("index", 0)
            function = _object(call.get("function") or {}, "function of a tool call")
            if type(index) is not int or not 0 <= index < MOST_TOOL_CALLS:
                raise LanguageServerError(
                    f"the server sent a tool call of index {index!r}; wanted 0 to {MOST_TOOL_CALLS - 1}"
                )
            self._names[index] = self._names.get(index, "") + _text(function, "name")
            arguments = self._arguments.get(index, "") + _text(function, "arguments")
            if len(arguments) > MOST_ARGUMENTS:
                raise LanguageServerError(
                    f"the server sent more than {MOST_ARGUMENTS:,} characters of a tool's arguments"
                )
            self._arguments[index] = arguments

    def requests(self) -> Iterator[Event]:
        for index in sorted(self._names):
            yield ToolCallRequest(self._names[index], self._arguments[index])


def _sound(encoded: str) -> AudioDelta:
    try:
        audio = read_audio(base64.b64decode(encoded, validate=True), sample_rate=None)
    except (binascii.Error, AudioError) as error:
        raise LanguageServerError(
            f"the server sent sound that can't be read ({error}); wanted a WAV in base64"
        ) from None
    return AudioDelta(audio.samples, audio.sample_rate)


def _object(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LanguageServerError(f"the server sent a {what} that is a {type(value).__name__}; wanted a JSON object")
    return value


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise LanguageServerError(f"the server sent {name} that is a {type(value).__name__}; wanted text")
    return value or ""
