"""A question as the messages of OpenAI's chat protocol, and the streamed or whole answer as what it produced."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from stepwave.evaluation.answers import Arrival, MadeCall, Produced
from stepwave.evaluation.question import Question, Said
from stepwave.evaluation.subjects.endpoints import check_turn, wav_file
from stepwave.facts.errors import AudioError, ConfigError
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.prepare.writing.writer import DETAIL_BYTES, FAILED, UNREADABLE, WriterError
from stepwave.signal.files import read_audio
from stepwave.signal.pcm import decode_pcm16
from stepwave.signal.resample import Samples

_DATA: Final = b"data:"


def messages(question: Question, system: str | None) -> list[dict[str, Any]]:
    """The conversation. Raises ConfigError for turns that can't be sent."""
    written: list[dict[str, Any]] = [] if system is None else [{"role": "system", "content": system}]
    unanswered: list[str] = []
    made = 0
    for turn in question.turns:
        check_turn(turn)
        if turn.side == "user":
            written.append({"role": "user", "content": _parts(turn)})
        elif turn.side == "assistant":
            unanswered = [f"call_{made + number}" for number in range(len(turn.calls))]
            made += len(turn.calls)
            calls = [_call(name, *call) for name, call in zip(unanswered, _named(turn), strict=True)]
            told = {"tool_calls": calls} if calls else {}
            written.append({"role": "assistant", "content": turn.text or None, **told})
        elif unanswered:
            written.append({"role": "tool", "content": turn.text, "tool_call_id": unanswered.pop(0)})
        else:
            raise ConfigError(f"item {question.item} has a tool's result that no call before it asked for")
    return written


def tools(question: Question) -> list[dict[str, Any]]:
    """What may be called."""
    return [tool.entry() for tool in question.tools]


class Gathering:
    """What an answer's pieces come to; `started` is when the question was put."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._texts: list[str] = []
        self._pieces: list[Samples] = []
        self._arrivals: list[Arrival] = []
        self._calls: dict[int, tuple[str, str, float]] = {}
        self._odd = b""
        self.cut = False

    def take(self, chunk: Mapping[str, Any]) -> None:
        """A `chat.completion.chunk`. Raises WriterError for an error that was sent in its place."""
        if "error" in chunk:
            raise WriterError(FAILED, str(chunk["error"])[:DETAIL_BYTES])
        for choice in chunk.get("choices", ())[:1]:
            delta = choice.get("delta") or {}
            audio = delta.get("audio") or {}
            self._texts.append((delta.get("content") or "") + (audio.get("transcript") or ""))
            if audio.get("data"):
                self.add_pcm(base64.b64decode(audio["data"]))
            for call in delta.get("tool_calls") or ():
                self._add_call(call.get("index", 0), call.get("function") or {})
            self.cut = self.cut or choice.get("finish_reason") == "length"

    def take_whole(self, completion: Mapping[str, Any]) -> None:
        """A `chat.completion`, whose sound is a file. Raises AudioError for one that can't be read."""
        choice = completion["choices"][0]
        message = choice["message"]
        audio = message.get("audio") or {}
        self._texts.append((message.get("content") or "") or (audio.get("transcript") or ""))
        if audio.get("data"):
            file = base64.b64decode(audio["data"])
            self._add(read_audio(file, sample_rate=OUTPUT_SAMPLE_RATE).samples)
        for number, call in enumerate(message.get("tool_calls") or ()):
            self._add_call(number, call["function"])
        self.cut = choice.get("finish_reason") == "length"

    def add_text(self, text: str) -> None:
        """Words of the answer."""
        self._texts.append(text)

    def add_pcm(self, data: bytes) -> None:
        """A piece of 16-bit sound at 24 kHz, cut anywhere."""
        data = self._odd + data
        whole = len(data) // 2 * 2
        self._odd = data[whole:]
        if whole:
            self._add(decode_pcm16(data[:whole]))

    def add_call(self, name: str, arguments: str) -> None:
        """A whole call."""
        self._add_call(len(self._calls), {"name": name, "arguments": arguments})

    def produced(self, prompt: str) -> Produced:
        """All of it."""
        return Produced(
            "".join(self._texts).strip(),
            sound=np.concatenate(self._pieces) if self._pieces else None,
            cut=self.cut,
            seconds=time.perf_counter() - self._started,
            arrivals=tuple(self._arrivals),
            calls=tuple(MadeCall(*call) for _, call in sorted(self._calls.items())),
            prompt=prompt,
        )

    def _add(self, samples: Samples) -> None:
        self._pieces.append(samples)
        self._arrivals.append(Arrival(time.perf_counter() - self._started, len(samples) / OUTPUT_SAMPLE_RATE))

    def _add_call(self, index: int, function: Mapping[str, Any]) -> None:
        name, arguments, after = self._calls.get(index, ("", "", time.perf_counter() - self._started))
        self._calls[index] = (
            name + (function.get("name") or ""), arguments + (function.get("arguments") or ""), after
        )  # fmt: skip


def read_stream(pieces: Iterator[bytes], gathering: Gathering) -> None:
    """Gather server-sent events. Raises WriterError for what is no such stream, and for one that breaks off."""
    waiting, complete = b"", False
    for piece in pieces:
        *lines, waiting = (waiting + piece).split(b"\n")
        for line in lines:
            if not line.startswith(_DATA):
                continue
            data = line[len(_DATA) :].strip()
            if data == b"[DONE]":
                complete = True
            else:
                _understood(data, gathering.take)
    if not complete:
        raise WriterError(FAILED, "the stream of the answer broke off")


def read_whole(body: bytes, gathering: Gathering) -> None:
    """Gather a whole completion. Raises WriterError for what is none."""
    _understood(body, gathering.take_whole)


def _understood(data: bytes, take: Any) -> None:
    try:
        take(json.loads(data))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, binascii.Error, AudioError):
        shown = data[:DETAIL_BYTES].decode("utf-8", "replace")
        raise WriterError(UNREADABLE, f"no chat completion: {shown}") from None


def _parts(turn: Said) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if turn.samples is not None:
        data = base64.b64encode(wav_file(turn.samples)).decode()
        parts.append({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}})
    if turn.text:
        parts.append({"type": "text", "text": turn.text})
    return parts


def _named(turn: Said) -> list[tuple[str, Mapping[str, Any]]]:
    return [(call.name, call.arguments) for call in turn.calls]


def _call(name: str, function: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    told = {"name": function, "arguments": json.dumps(dict(arguments), ensure_ascii=False)}
    return {"id": name, "type": "function", "function": told}
