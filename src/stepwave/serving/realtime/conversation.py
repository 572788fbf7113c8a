"""A conversation with one client: what its events do, and what it is told. Knows nothing of sockets.

It outlives a connection that is lost: events go into the outbox, and whoever is attached takes them from there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any, Final

from stepwave.facts.conversation import Message
from stepwave.facts.errors import StepwaveError
from stepwave.facts.events import AudioDelta, Event
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.models.detokenizer import Voice
from stepwave.serving.errors import ApiError, api_error
from stepwave.serving.realtime.audio_formats import InputStream
from stepwave.serving.realtime.client_events import (
    Append,
    Clear,
    ClientEvent,
    Commit,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    ResponseCancel,
    ResponseCreate,
    ResponseParam,
    SessionUpdate,
    event_id_of,
    parse,
)
from stepwave.serving.realtime.input_buffer import InputBuffer
from stepwave.serving.realtime.items import Item, decode_base64, new_id, read_item, spoken_item
from stepwave.serving.realtime.outbox import Outbox
from stepwave.serving.realtime.response import Reason, Response
from stepwave.serving.realtime.settings import Settings
from stepwave.serving.service import Service
from stepwave.serving.turn_taking.detector import SpeechStarted, TurnDetector
from stepwave.signal.resample import Samples

_LOG = logging.getLogger(__name__)
MOST_ITEMS: Final = 2_000
"""Items a conversation may come to."""
MILLISECONDS: Final = 1_000
LEAST_ROOM: Final = 2_000
"""Positions under which the oldest turns are forgotten: a question of 20 s and an answer of 50."""
KEPT_POSITIONS: Final = 1_500
"""What is kept then: reading it anew costs time."""
PATIENCE_SECONDS: Final = 0.25
"""After a commit a client's `response.create` gets so long to come before the question is written down."""


class Conversation:
    """One session of the Realtime protocol. Lives on the event loop; `handle` takes one message after the other."""

    def __init__(self, service: Service, voice: Voice | None = None) -> None:
        """`voice` is spoken with where the client names none; None for the model's own."""
        self.id = new_id("sess")
        self.resume_token = new_id("resume")
        self.outbox = Outbox(service.config.most_unsent_bytes)
        self._service = service
        self._settings = Settings()
        self._voice = voice
        self._session = service.talker.session()
        self._conversation_id = new_id("conv")
        self._items: dict[str, Item] = {}
        self._response: Response | None = None
        self._answering: asyncio.Task[None] | None = None
        self._answered_last: str | None = None
        self._cancelled: Reason | None = None
        self._transcribing: set[asyncio.Task[None]] = set()
        self._played_until = 0.0
        self._buffer = self._new_buffer(0)
        self._put({"type": "session.created", "session": self._shown()})

    async def handle(self, text: str | bytes) -> None:
        """Take one message. Whatever is wrong with it is told to the client, and the conversation goes on."""
        try:
            await self._do(parse(text))
        except StepwaveError as error:
            self.complain(api_error(error), event_id_of(text))
        except Exception as error:
            _LOG.exception("session %s: a message failed", self.id)
            self.complain(api_error(error), event_id_of(text))

    def complain(self, error: ApiError, event_id: str | None = None) -> None:
        """Tell the client of an error."""
        self._service.metrics.errors.labels(error.code or "none").inc()
        self._put({"type": "error", "error": {**error.body(), "event_id": event_id}})

    @property
    def answering(self) -> bool:
        """Whether an answer is being made."""
        return self._answering is not None and not self._answering.done()

    @property
    def busy(self) -> bool:
        """Whether an answer is being made, or a question written down."""
        return self.answering or bool(self._transcribing)

    async def end(self) -> None:
        """Break off what is under way, for good."""
        tasks = [task for task in (self._answering, *self._transcribing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _do(self, event: ClientEvent) -> None:
        if isinstance(event, Append):
            data = decode_base64(event.audio, "audio")
            for start in range(0, len(data), _SLICE_BYTES):
                # Much at once must not hold up other sessions while it is searched for speech.
                self._hear(data[start : start + _SLICE_BYTES])
                await asyncio.sleep(0)
        elif isinstance(event, SessionUpdate):
            self._update(event)
        elif isinstance(event, Commit):
            self._commit_by_hand()
        elif isinstance(event, Clear):
            self._buffer.clear()
            self._put({"type": "input_audio_buffer.cleared"})
        elif isinstance(event, ItemCreate):
            self._create(event)
        elif isinstance(event, ItemRetrieve):
            item = self._item(event.item_id)
            self._put({"type": "conversation.item.retrieved", "item": item.to_protocol()})
        elif isinstance(event, ItemDelete):
            self._delete(event)
        elif isinstance(event, ItemTruncate):
            self._truncate(event)
        elif isinstance(event, ResponseCreate):
            self._answer(event.response)
        elif isinstance(event, ResponseCancel):
            self._cancel(event)

    # Settings

    def _shown(self) -> dict[str, Any]:
        shown = self._settings.to_protocol(self._service.config.model_name)
        extras = {"resume": self.resume_token, "resume_seconds": self._service.config.resume_seconds}
        return {"id": self.id, **shown, "stepwave": extras}

    def _update(self, event: SessionUpdate) -> None:
        old, new = self._settings, self._settings.updated(event.session, self._service.talker)
        self._settings = new
        if (old.turns, old.input_format) != (new.turns, new.input_format):
            self._buffer = self._new_buffer(self._buffer.position)
        self._put({"type": "session.updated", "session": self._shown()})

    # What is heard

    def _new_buffer(self, position: int) -> InputBuffer:
        settings, longest = self._settings, self._service.talker.profile.longest_question_seconds
        detector = None if settings.turns is None else TurnDetector(settings.turns)
        return InputBuffer(InputStream(settings.input_format), detector, longest, position)

    def _hear(self, data: bytes) -> None:
        turns = self._settings.turns
        playing = self._response is not None or time.monotonic() < self._played_until
        before = self._buffer.position
        for event in self._buffer.push(data, playing):
            if isinstance(event, SpeechStarted):
                self._buffer.item_id = new_id("item")
                place = {"audio_start_ms": _milliseconds(event.start), "item_id": self._buffer.item_id}
                self._put({"type": "input_audio_buffer.speech_started", **place})
                if turns is not None and turns.interrupt_response and self._response is not None:
                    self._stop("turn_detected")
                self._played_until = 0.0
            else:
                item_id = self._buffer.item_id or new_id("item")
                place = {"audio_end_ms": _milliseconds(event.end), "item_id": item_id}
                self._put({"type": "input_audio_buffer.speech_stopped", **place})
                self._commit(item_id, self._buffer.take(event.end))
                if turns is not None and turns.create_response:
                    self._answer(None)
        self._service.metrics.heard_seconds.inc((self._buffer.position - before) / INPUT_SAMPLE_RATE)

    def _commit_by_hand(self) -> None:
        samples = self._buffer.finish()
        if len(samples) < 0.1 * INPUT_SAMPLE_RATE:
            raise ApiError(
                f"the buffer holds {len(samples) / INPUT_SAMPLE_RATE * MILLISECONDS:.0f} ms of sound; wanted at least "
                "100 ms: append more before the commit",
                code="input_audio_buffer_commit_empty",
            )
        self._commit(new_id("item"), self._service.talker.hear(samples))

    def _commit(self, item_id: str, samples: Samples) -> None:
        previous = self._last_id()
        self._put({"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item_id})
        item = spoken_item(item_id, samples)
        self._add(item)
        if self._settings.transcription is not None:
            task = asyncio.create_task(self._transcribe(item, samples))
            self._transcribing.add(task)
            task.add_done_callback(self._transcribing.discard)

    async def _transcribe(self, item: Item, samples: Samples) -> None:
        """Write a question down, after its answer: it must not wait for that."""
        kind = "conversation.item.input_audio_transcription"
        place = {"item_id": item.id, "content_index": 0}
        await asyncio.sleep(PATIENCE_SECONDS)
        while self.answering and self._answering is not None:
            await asyncio.wait([self._answering])
        words = ""
        try:
            writing = self._service.turns.stream(lambda: self._service.talker.stream_transcribe(samples))
            async with aclosing(writing) as parts:
                async for part in parts:
                    words += part
                    self._put({"type": f"{kind}.delta", **place, "delta": part})
        except Exception as error:
            told = api_error(error)
            shown = {"type": told.kind, "code": told.code, "message": str(told), "param": None}
            self._put({"type": f"{kind}.failed", **place, "error": shown})
            return
        item.content[0]["transcript"] = words
        usage = {"type": "duration", "seconds": round(len(samples) / INPUT_SAMPLE_RATE, 3)}
        self._put({"type": f"{kind}.completed", **place, "transcript": words, "usage": usage})

    # Items

    def _last_id(self) -> str | None:
        return next(reversed(self._items), None)

    def _item(self, item_id: str) -> Item:
        if item_id not in self._items:
            raise ApiError(f"there is no item '{item_id}'", code="item_not_found", param="item_id")
        return self._items[item_id]

    def _add(self, item: Item) -> None:
        if len(self._items) >= MOST_ITEMS:
            raise ApiError(f"the conversation has {MOST_ITEMS} items; start a new session", code="too_many_items")
        if item.id in self._items:
            raise ApiError(f"there is an item '{item.id}' already", code="item_exists", param="item.id")
        previous = self._last_id()
        self._items[item.id] = item
        place = {"previous_item_id": previous, "item": item.to_protocol()}
        self._put({"type": "conversation.item.added", **place})
        if item.status != "in_progress":
            self._put({"type": "conversation.item.done", **place})

    def _create(self, event: ItemCreate) -> None:
        if event.previous_item_id not in (None, self._last_id(), "root" if not self._items else None):
            raise ApiError(
                f"an item can only be added at the end, after '{self._last_id()}'; leave previous_item_id out",
                code="unsupported",
                param="previous_item_id",
            )
        item = read_item(event.item, self._settings.input_format, self._service.talker)
        if item.type == "function_call_output":
            calls = [one.call_id for one in self._items.values() if one.type == "function_call"]
            if item.call_id not in calls:
                raise ApiError(f"no call '{item.call_id}' was made", code="call_not_found", param="item.call_id")
        self._add(item)

    def _delete(self, event: ItemDelete) -> None:
        item = self._item(event.item_id)
        if item.asked:
            raise ApiError(
                f"the model has heard item '{item.id}' already; only what was not answered yet can be taken back",
                code="unsupported",
                param="item_id",
            )
        del self._items[item.id]
        self._put({"type": "conversation.item.deleted", "item_id": item.id})

    def _truncate(self, event: ItemTruncate) -> None:
        item = self._item(event.item_id)
        if item.role != "assistant" or not item.content or item.content[0]["type"] != "output_audio":
            raise ApiError(f"item '{item.id}' is no spoken answer", code="invalid_value", param="item_id")
        if item.id != self._answered_last:
            raise ApiError(
                f"item '{item.id}' is not the last answer; only that can be shortened",
                code="unsupported",
                param="item_id",
            )
        if self._response is not None:
            self._stop("client_cancelled")
        self._played_until = 0.0
        # The answer may still be ending, and what is heard meanwhile must not wait for it.
        self._answering = asyncio.create_task(self._shorten(item, event, self._answering))

    async def _shorten(self, item: Item, event: ItemTruncate, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        seconds = event.audio_end_ms / MILLISECONDS
        try:
            words = await self._service.turns.call(lambda: self._session.truncate(seconds))
        except StepwaveError as error:
            self.complain(api_error(error), event.event_id)
            return
        item.content[0]["transcript"] = words
        place = {"item_id": item.id, "content_index": event.content_index, "audio_end_ms": event.audio_end_ms}
        self._put({"type": "conversation.item.truncated", **place})

    # Answers

    def _answer(self, param: ResponseParam | None) -> None:
        if self._response is not None:
            raise ApiError(
                f"response {self._response.id} is still being made; cancel it first, or wait for response.done",
                code="conversation_already_has_active_response",
            )
        service = self._service
        if service.stopping.is_set():
            raise ApiError("the server is stopping and takes nothing new", 503, "stopping", kind="server_error")
        if service.memory.full:
            raise ApiError("the server's memory is full; try again later", 503, "overloaded", kind="server_error")
        settings = self._settings if param is None else self._settings.changed(param, service.talker)
        apart = param is not None and (param.conversation == "none" or param.input is not None)
        if apart and param is not None:
            items = [read_item(one, settings.input_format, service.talker) for one in param.input or []]
            session = service.talker.session(settings.instructions, tools=settings.offered)
        else:
            items = [item for item in self._items.values() if not item.asked]
            session = self._session
        self._cancelled = None
        self._response = Response(
            settings,
            self._put,
            (lambda item: None) if apart else self._add,
            metadata=None if param is None else param.metadata,
            conversation=None if apart else self._conversation_id,
            voice=settings.voice_said or settings.voice or "default",
        )
        asked = time.monotonic()
        before = self._answering

        def make() -> Iterator[Event]:
            session.instruct(settings.instructions, settings.offered)
            if session.room < LEAST_ROOM:
                forgotten = session.forget_oldest(KEPT_POSITIONS)
                _LOG.info("session %s: %d turns forgotten to make room", self.id, forgotten)
            for item in items:
                message: Message | None = item.message()
                item.asked, item.sound = True, []
                if message is not None:
                    session.add(message)
            return session.stream(
                voice=settings.voice or self._voice,
                text_only=not settings.spoken,
                max_seconds=settings.most_seconds,
                interrupted=service.stopped.is_set,
            )

        self._answering = asyncio.create_task(
            self._run(self._response, make, lambda: len(session.ids), asked, before, None if apart else self._note)
        )

    def _note(self, response: Response) -> None:
        spoken = [item.id for item in response.items if item.type == "message"]
        if spoken:
            self._answered_last = spoken[0]

    async def _run(
        self,
        response: Response,
        make: Callable[[], Iterator[Event]],
        tokens: Callable[[], int],
        asked: float,
        before: asyncio.Task[None] | None,
        note: Callable[[Response], None] | None,
    ) -> None:
        """Make one answer. `before` is the one that may still be ending."""
        metrics = self._service.metrics
        failure: ApiError | None = None
        try:
            if before is not None:
                await asyncio.wait([before])
            if self._cancelled is None:
                async with aclosing(self._service.turns.stream(make)) as events:
                    async for event in events:
                        if self._cancelled is not None or response.over:
                            break
                        if isinstance(event, AudioDelta):
                            if not response.sounded:
                                metrics.first_audio.observe(time.monotonic() - asked)
                            self._plays(event)
                            metrics.said_seconds.inc(len(event.samples) / event.sample_rate)
                        response.take(event)
                        if note is not None:
                            note(response)
                        await self.outbox.room()
        except asyncio.CancelledError:
            self._cancelled = self._cancelled or "client_cancelled"
            raise
        except StepwaveError as error:
            failure = api_error(error)
        except Exception as error:
            _LOG.exception("session %s: an answer failed", self.id)
            failure = api_error(error)
        finally:
            if not response.over:
                self._close(response, tokens(), failure)

    def _close(self, response: Response, tokens: int, failure: ApiError | None) -> None:
        if self._cancelled is not None:
            response.finish("cancelled", tokens, self._cancelled)
        elif failure is not None:
            response.finish("failed", tokens, error=failure)
        else:
            response.finish("completed", tokens)
        status = "cancelled" if self._cancelled is not None else "failed" if failure is not None else "completed"
        self._service.metrics.answers.labels(status).inc()
        if self._response is response:
            self._response = None
        self._put({"type": "rate_limits.updated", "rate_limits": []})

    def _plays(self, event: AudioDelta) -> None:
        """Note how long what was sent will sound at the client, if it plays it as it comes."""
        start = max(self._played_until, time.monotonic())
        self._played_until = start + len(event.samples) / event.sample_rate

    def _cancel(self, event: ResponseCancel) -> None:
        if self._response is None or event.response_id not in (None, self._response.id):
            raise ApiError("there is no such answer to cancel", code="response_cancel_not_active")
        self._stop("client_cancelled")

    def _stop(self, reason: Reason) -> None:
        """Tell at once that the answer ends here; what the model still does of it is thrown away."""
        response, self._cancelled = self._response, reason
        if response is not None and not response.over:
            self._close(response, 0, None)

    def _put(self, event: dict[str, Any]) -> None:
        self.outbox.put(event)


_SLICE_BYTES: Final = 48_000  # a second of PCM


def _milliseconds(sample: int) -> int:
    return round(sample / INPUT_SAMPLE_RATE * MILLISECONDS)
