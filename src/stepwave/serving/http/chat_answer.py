"""A chat completion: the model's events as OpenAI's objects, whole or chunk by chunk."""

from __future__ import annotations

import asyncio
import base64
import copy
import time
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from stepwave import __version__
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.errors import StoppingError
from stepwave.facts.events import AudioDelta, Event, Finished, TextDelta, ToolCallRequest
from stepwave.serving.http.chat_history import History
from stepwave.serving.http.chat_request import ChatRequest
from stepwave.serving.http.kept_answers import KeptAnswers
from stepwave.serving.http.sound_formats import encoded, sound_format
from stepwave.serving.server_tools import ServerTools
from stepwave.serving.service import Service
from stepwave.serving.tool_rounds import Answered, RoundEvent, Working, in_rounds
from stepwave.serving.voices import SpokenVoice
from stepwave.signal.pcm import encode_pcm16
from stepwave.signal.resample import Samples

FINGERPRINT: Final = f"stepwave-{__version__}"


@dataclass(frozen=True)
class Counts:
    """Tokens of a conversation."""

    prompt: int
    """What the model read, an answer to come not counted."""
    heard: int
    """Of it, places of sound, 12.5 a second."""
    text: int
    """Text tokens of the answer."""
    speech: int
    """Speech tokens of the answer, 25 a second."""

    def usage(self) -> dict[str, Any]:
        """OpenAI's `usage`."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.text + self.speech,
            "total_tokens": self.prompt + self.text + self.speech,
            "prompt_tokens_details": {"audio_tokens": self.heard, "cached_tokens": 0},
            "completion_tokens_details": {
                "audio_tokens": self.speech,
                "text_tokens": self.text,
                "reasoning_tokens": 0,
            },
        }


class Answer:
    """One answer on its way, of several rounds where the model calls the server's tools.

    `events` tells it; the rest is known when that is through.
    """

    def __init__(self, history: History, request: ChatRequest, voice: SpokenVoice, service: Service) -> None:
        self._turns = list(history.turns)
        self._request = request
        self._voice = voice
        self._service = service
        # A request that brings its own tools, or wants none, gets no others.
        own = request.tools is None and request.tool_choice != "none"
        tools = service.tools if own else ServerTools()
        self._calls = tools.calls()  # nobody can be asked about sensitive ones
        talker = _with_sampling(service.talker, request)
        self._session = talker.session(history.system, request.seed, [*history.tools, *tools.schemas])
        self._results: list[str] = []
        self._prompt: list[int] = []
        self._asked = 0
        self.heard_seconds = history.heard_seconds
        self.counts = Counts(0, 0, 0, 0)
        self.finish_reason = "stop"
        self.spoken_ids: list[int] = []
        """The assistant's turn as token ids, its end mark left out; calls and their results are within."""

    async def events(self) -> AsyncGenerator[RoundEvent]:
        """Answer; errors as `Session.add` and `Session.stream`, and StoppingError where the server stops meanwhile."""
        service, special = self._service, self._service.talker.engine.tokenizer.special
        called = stopped = False

        def ask() -> AsyncGenerator[Event]:
            return service.turns.stream(self._round)

        rounds = in_rounds(service, self._session, self._calls, ask, stopped=asyncio.Event())
        async with aclosing(rounds) as events:
            async for event in events:
                called = called or (isinstance(event, ToolCallRequest) and self.is_theirs(event))
                if isinstance(event, Answered):
                    # Without the clip of a voice that was found: kept answers are ids, and its places would lack sound.
                    self._results.append(event.told)
                if isinstance(event, Finished):
                    heard = self._prompt.count(special.audio_patch)
                    self.counts = Counts(len(self._prompt), heard, event.text_tokens, event.speech_tokens)
                    self.finish_reason = "tool_calls" if called else "stop" if event.reason == "stop" else "length"
                    stopped = event.reason == "interrupted" and service.stopped.is_set()
                yield event
        if stopped:
            raise StoppingError("the server stopped before the answer was complete; ask again later")
        self.spoken_ids = [special.tts_start, *self._session.ids[len(self._prompt) : -1]]

    def is_theirs(self, call: ToolCallRequest) -> bool:
        """Whether a call is the client's to answer."""
        return not self._calls.is_ours(call)

    def _round(self) -> Iterator[Event]:
        """What the model says to the messages, or to the results of its calls. Runs in the model's thread."""
        session = self._session
        for turn in self._turns:
            session.add(turn)
        for result in self._results:
            session.add_result(result)
        self._turns.clear()
        self._results.clear()

        def enough() -> bool:
            """Asked before every token, so it counts them too."""
            if not self._asked:
                self._prompt.extend(session.ids)
            self._asked += 1
            most = self._request.most_tokens
            return self._service.stopped.is_set() or (most is not None and self._asked > most)

        return session.stream(voice=self._voice, text_only=not self._request.speaks, interrupted=enough)


async def completion(service: Service, answer: Answer, request: ChatRequest, kept: KeptAnswers) -> dict[str, Any]:
    """The whole answer as a `chat.completion`."""
    texts: list[str] = []
    margins = _Margins()
    sound: list[Samples] = [np.zeros(0, dtype=np.float32)]
    calls: list[dict[str, Any]] = []
    async with aclosing(_told(service, answer)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                texts.append(margins.push(event.text))
            elif isinstance(event, Working):
                margins.end()
            elif isinstance(event, AudioDelta):
                sound.append(event.samples)
            elif isinstance(event, ToolCallRequest) and answer.is_theirs(event):
                calls.append(_call(event))
    text = "".join(texts)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if request.audio is not None:
        samples = np.concatenate(sound)
        file = await asyncio.to_thread(encoded, samples, sound_format(request.audio.format))
        name = _new_name("audio")
        message["content"] = None
        message["audio"] = {
            "id": name,
            "data": base64.b64encode(file).decode(),
            "expires_at": kept.keep(name, answer.spoken_ids),
            "transcript": text,
        }
    elif calls and not text:
        message["content"] = None
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return _head(request, "chat.completion") | {"choices": [choice], "usage": answer.counts.usage()}


async def chunks(
    service: Service, answer: Answer, request: ChatRequest, kept: KeptAnswers
) -> AsyncGenerator[dict[str, Any]]:
    """The answer as `chat.completion.chunk`s while it is being made."""
    head = _head(request, "chat.completion.chunk")
    with_usage = request.stream_options is not None and request.stream_options.include_usage
    name = _new_name("audio")
    margins = _Margins()
    calls = 0

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return head | {"choices": [choice]} | ({"usage": None} if with_usage else {})

    begun = False
    async with aclosing(_told(service, answer)) as events:
        async for event in events:
            if not begun:
                begun = True
                opening: dict[str, Any] = {"audio": {"id": name}} if request.speaks else {"content": ""}
                yield chunk({"role": "assistant", **opening})
            if isinstance(event, TextDelta) and (text := margins.push(event.text)):
                yield chunk({"audio": {"id": name, "transcript": text}} if request.speaks else {"content": text})
            elif isinstance(event, Working):
                margins.end()
            elif isinstance(event, AudioDelta):
                yield chunk({"audio": {"id": name, "data": base64.b64encode(encode_pcm16(event.samples)).decode()}})
            elif isinstance(event, ToolCallRequest) and answer.is_theirs(event):
                yield chunk({"tool_calls": [{"index": calls, **_call(event)}]})
                calls += 1
    if request.speaks:
        yield chunk({"audio": {"id": name, "expires_at": kept.keep(name, answer.spoken_ids)}})
    yield chunk({}, answer.finish_reason)
    if with_usage:
        yield head | {"choices": [], "usage": answer.counts.usage()}


async def _told(service: Service, answer: Answer) -> AsyncGenerator[RoundEvent]:
    """The answer's events, counted in the server's figures on their way."""
    metrics, began, silent = service.metrics, time.monotonic(), True
    status = "abandoned"
    metrics.heard_seconds.inc(answer.heard_seconds)
    try:
        async with aclosing(answer.events()) as events:
            async for event in events:
                if isinstance(event, AudioDelta):
                    metrics.said_seconds.inc(len(event.samples) / event.sample_rate)
                    if silent:
                        metrics.first_audio.observe(time.monotonic() - began)
                        silent = False
                yield event
        status = "completed"
    except Exception:
        status = "failed"
        raise
    finally:
        metrics.answers.labels(status).inc()


def _with_sampling(talker: Stepwave, request: ChatRequest) -> Stepwave:
    """The talker with the request's temperature and top-p for text; speech tokens are chosen as always."""
    asked = {"temperature": request.temperature, "top_p": request.top_p}
    changed: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if not changed:
        return talker
    engine = copy.copy(talker.engine)  # the parts of the model are shared
    engine.profile = replace(talker.profile, text=replace(talker.profile.text, **changed))
    return Stepwave(engine)


def _head(request: ChatRequest, kind: str) -> dict[str, Any]:
    return {
        "id": _new_name("chatcmpl"),
        "object": kind,
        "created": int(time.time()),
        "model": request.model,
        "system_fingerprint": FINGERPRINT,
    }


def _call(event: ToolCallRequest) -> dict[str, Any]:
    return {
        "id": _new_name("call"),
        "type": "function",
        "function": {"name": event.name, "arguments": event.arguments_json},
    }


def _new_name(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"


class _Margins:
    """Takes white space off both ends of texts that come in pieces, and puts a space between two of them."""

    def __init__(self) -> None:
        self._before = self._held = ""
        self._begun = False

    def push(self, text: str) -> str:
        """What is certain after a piece of the text."""
        text = self._held + text
        if not self._begun:
            text = text.lstrip()
        sent = text.rstrip()
        self._held = text[len(sent) :]
        if sent and not self._begun:
            self._begun = True
            return self._before + sent
        return sent

    def end(self) -> None:
        """The text is over, and another may follow."""
        if self._begun:
            self._before = " "
        self._held, self._begun = "", False
