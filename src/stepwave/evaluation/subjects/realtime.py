"""A model behind OpenAI's Realtime interface: one WebSocket connection for each question, by the official client.

    realtime:URL#MODEL    URL as clients take it (http or https), which ends in /v1 as a rule

Text and speech are answered, tools are offered and their calls recorded. A transcript is what the server writes down
of the question (input transcription, asked of the same MODEL). Reading aloud and seeds are not in this protocol. Sound
goes and comes as 16-bit PCM at 24 kHz.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final

from stepwave.evaluation.answers import Produced
from stepwave.evaluation.question import Question, Said, Wanted, written_prompt
from stepwave.evaluation.subjects.chat_messages import Gathering
from stepwave.evaluation.subjects.endpoints import (
    MOST_BYTES,
    SECONDS,
    VOICE,
    Patient,
    Target,
    check_turn,
    system_prompt,
)
from stepwave.evaluation.subjects.options import SubjectOptions
from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.facts.rates import INPUT_SAMPLE_RATE, OUTPUT_SAMPLE_RATE
from stepwave.prepare.writing.writer import (
    BUSY,
    DETAIL_BYTES,
    FAILED,
    REFUSED,
    TIMED_OUT,
    TOO_LARGE,
    UNREACHABLE,
    UNREADABLE,
    WriterError,
    key_of,
)
from stepwave.signal.pcm import encode_pcm16
from stepwave.signal.resample import Samples, resample

_WANTED: Final = ("text", "speech", "transcript", "translation", "spoken_translation")
_SPOKEN: Final = ("speech", "spoken_translation")
_MESSAGE_BYTES: Final = 16 * 1024**2
_PIECE_SECONDS: Final = 10
_WRITTEN_DOWN: Final = "conversation.item.input_audio_transcription"


class RealtimeEndpoint:
    """See `subject.Subject`. Raises ConfigError for a key that is not set, MissingExtraError."""

    def __init__(self, target: Target, key_env: str = "", parallel: int = 1, patient: Patient | None = None) -> None:
        try:
            import openai
            import websockets  # noqa: F401  # the client asks for it when it connects
        except ImportError as missing:
            raise MissingExtraError("eval", missing.name or "websockets") from None
        self._openai, self._target = openai, target
        self.name = f"realtime:{target.url}#{target.model}"
        self.revision = target.revision
        self.facts: dict[str, Any] = {
            "kind": "Realtime endpoint", "url": target.url, "model": target.model, "voice": VOICE,
            "sampling": "the endpoint's own, without a seed", "sound": "16-bit PCM at 24 kHz", "seconds": SECONDS,
        }  # fmt: skip
        self.at_once = max(1, parallel)
        self._key = key_of(key_env, target.url)
        self._patient = patient or Patient(target.url)

    def prepare(self, wanted: Wanted) -> None:
        """See `Subject.prepare`."""
        if wanted not in _WANTED:
            raise ConfigError(f"the Realtime interface can't be asked for this ({wanted}); leave this check out")

    def ask(self, question: Question) -> Produced:
        """See `Subject.ask`."""
        self.prepare(question.wanted)
        if question.wanted == "transcript" or question.heard:
            _ = question.recording  # refused before anyone is connected to
        for turn in question.turns:
            check_turn(turn)
        return self._patient.ask(lambda: self._once(question))

    def _once(self, question: Question) -> Produced:
        return asyncio.run(self._within_bounds(question))

    async def _within_bounds(self, question: Question) -> Produced:
        try:
            async with asyncio.timeout(SECONDS):
                return await self._talk(question)
        except (WriterError, ConfigError):
            raise
        except TimeoutError:
            raise WriterError(TIMED_OUT, f"after {SECONDS:g} s") from None
        except Exception as problem:
            raise self._named(problem) from None

    async def _talk(self, question: Question) -> Produced:
        async with AsyncExitStack() as stack:
            # What is left of the environment by the client's own defaults (organisation, project) is not sent.
            client = await stack.enter_async_context(
                self._openai.AsyncOpenAI(
                    api_key=self._key or "none", base_url=self._target.url, max_retries=0, organization="", project=""
                )
            )
            options: Any = {"max_size": _MESSAGE_BYTES, "proxy": None}
            connection = await stack.enter_async_context(
                client.realtime.connect(model=self._target.model, websocket_connection_options=options)
            )
            return await _Conversation(connection, self._target.model, question, self._without_key).answered()

    def _named(self, problem: Exception) -> Exception:
        """A problem of the transport by a name of ours; what is none of it stays as it is."""
        status = getattr(getattr(problem, "response", None), "status_code", None)
        if status in (401, 403, 404):
            return ConfigError(
                f"{self._target.url} refuses the connection for {self._target.model!r} (HTTP {status}); "
                "check address, model and key, then run again to go on"
            )
        if status is not None:
            return WriterError(BUSY if status in (429, 503) else FAILED, f"HTTP {status}", again=status >= 429)
        module = type(problem).__module__
        if isinstance(problem, OSError) or module.startswith("websockets"):
            detail = self._without_key(f"{type(problem).__name__}: {problem}")
            reason = FAILED if "ConnectionClosed" in type(problem).__name__ else UNREACHABLE
            return WriterError(reason, detail[:DETAIL_BYTES])
        if module.startswith(("openai", "pydantic")):
            return WriterError(UNREADABLE, self._without_key(str(problem))[:DETAIL_BYTES])
        return problem

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


class _Conversation:
    """One question over one connection."""

    def __init__(self, connection: Any, model: str, question: Question, without_key: Any) -> None:
        self._connection, self._model, self._question = connection, model, question
        self._without_key = without_key
        self._bytes = self._calls = 0
        self._unanswered: list[str] = []
        self._heard: str | None = None

    async def answered(self) -> Produced:
        question = self._question
        system = system_prompt(question)
        await self._until("session.created")
        await self._connection.session.update(session=self._session(system))
        await self._until("session.updated")
        for turn in question.turns[:-1]:
            await self._tell(turn)
        gathering = Gathering(time.perf_counter())
        if question.wanted == "transcript":
            await self._commit(question.last)
            await self._written_down()
            gathering.add_text(self._heard or "")
            return gathering.produced(written_prompt(None, question.turns))
        await self._commit(question.last) if question.heard else await self._tell(question.last)
        await self._connection.response.create()
        async for event in self._events():
            kind = event.type
            if kind == "response.output_audio.delta":
                gathering.add_pcm(base64.b64decode(event.delta))
            elif kind in ("response.output_audio_transcript.delta", "response.output_text.delta"):
                gathering.add_text(event.delta)
            elif kind == "response.output_item.done" and event.item.type == "function_call":
                gathering.add_call(event.item.name or "", event.item.arguments or "")
            elif kind == "response.done":
                gathering.cut = _cut(event.response)
                break
        produced = gathering.produced(written_prompt(system, question.turns, question.tools))
        if question.heard:
            await self._written_down()
            produced = replace(produced, heard=self._heard or "")
        return produced

    def _session(self, system: str | None) -> dict[str, Any]:
        question = self._question
        hears = question.wanted == "transcript" or question.heard
        heard: dict[str, Any] = {"turn_detection": None, "format": {"type": "audio/pcm", "rate": OUTPUT_SAMPLE_RATE}}
        if hears:
            heard["transcription"] = {"model": self._model, "language": question.language}
        spoken = question.wanted in _SPOKEN
        session: dict[str, Any] = {
            "type": "realtime",
            "output_modalities": ["audio" if spoken else "text"],
            "audio": {"input": heard},
        }
        if spoken:
            form = {"type": "audio/pcm", "rate": OUTPUT_SAMPLE_RATE}
            session["audio"]["output"] = {"format": form, "voice": VOICE}
        if system is not None:
            session["instructions"] = system
        if question.tools:
            session["tools"] = [{"type": "function", **tool.entry()["function"]} for tool in question.tools]
        return session

    async def _tell(self, turn: Said) -> None:
        """Put a turn into the conversation as items."""
        create = self._connection.conversation.item.create
        if turn.side == "tool":
            if not self._unanswered:
                raise ConfigError(f"item {self._question.item} has a tool's result that no call before it asked for")
            name = self._unanswered.pop(0)
            await create(item={"type": "function_call_output", "call_id": name, "output": turn.text})
            return
        content: list[dict[str, Any]] = []
        if turn.side == "user" and turn.samples is not None:
            content.append({"type": "input_audio", "audio": base64.b64encode(_sent(turn.samples)).decode()})
        if turn.text:
            kind = "input_text" if turn.side == "user" else "output_text"
            content.append({"type": kind, "text": turn.text})
        if content:
            await create(item={"type": "message", "role": turn.side, "content": content})
        for call in turn.calls:
            self._calls += 1
            self._unanswered.append(f"call_{self._calls}")
            arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
            told = {"type": "function_call", "name": call.name, "arguments": arguments}
            await create(item={**told, "call_id": self._unanswered[-1]})

    async def _commit(self, turn: Said) -> None:
        """Say a turn as a microphone would, so that it is written down too; text behind it is an item of its own."""
        assert turn.samples is not None
        data = _sent(turn.samples)
        size = _PIECE_SECONDS * OUTPUT_SAMPLE_RATE * 2
        for start in range(0, len(data), size):
            piece = base64.b64encode(data[start : start + size]).decode()
            await self._connection.input_audio_buffer.append(audio=piece)
        await self._connection.input_audio_buffer.commit()
        if turn.text and self._question.wanted != "transcript":
            await self._tell(replace(turn, samples=None))

    async def _written_down(self) -> None:
        if self._heard is None:
            await self._until(f"{_WRITTEN_DOWN}.completed")

    async def _until(self, kind: str) -> None:
        async for event in self._events():
            if event.type == kind:
                return
        raise WriterError(FAILED, f"the connection ended before {kind}")

    async def _events(self) -> AsyncIterator[Any]:
        """What the server sends. Raises WriterError for an error, and for more than is bearable."""
        while True:
            data = await self._connection.recv_bytes()
            self._bytes += len(data)
            if self._bytes > MOST_BYTES:
                raise WriterError(TOO_LARGE, f"more than {MOST_BYTES} bytes")
            try:
                event = self._connection.parse_event(data)
            except (ValueError, TypeError, binascii.Error):
                shown = self._without_key(data[:DETAIL_BYTES].decode("utf-8", "replace"))
                raise WriterError(UNREADABLE, shown) from None
            if event.type == "error":
                told = f"{event.error.code or event.error.type}: {event.error.message}"
                passes = event.error.type == "server_error" or event.error.code in (
                    "server_full",
                    "rate_limit_exceeded",
                )
                shown = self._without_key(told)[:DETAIL_BYTES]
                raise WriterError(FAILED if passes else REFUSED, shown, again=passes)
            if event.type == f"{_WRITTEN_DOWN}.failed":
                raise WriterError(FAILED, str(event.error.message)[:DETAIL_BYTES])
            if event.type == f"{_WRITTEN_DOWN}.completed":
                self._heard = event.transcript.strip()
            yield event


def _cut(response: Any) -> bool:
    """Whether an answer ran into a bound. Raises WriterError for one that failed."""
    if response.status == "incomplete":
        return True
    if response.status != "completed":
        error = getattr(response.status_details, "error", None)
        raise WriterError(FAILED, f"the response ended as {response.status} ({getattr(error, 'code', None)})")
    return False


def _sent(samples: Samples) -> bytes:
    return encode_pcm16(resample(samples, INPUT_SAMPLE_RATE, OUTPUT_SAMPLE_RATE))


def open_subject(target: str, options: SubjectOptions) -> RealtimeEndpoint:
    """The model that `URL#MODEL` names; see `RealtimeEndpoint`."""
    return RealtimeEndpoint(Target.parse("realtime", target), options.key_env, options.parallel)
