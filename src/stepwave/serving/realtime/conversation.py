"""A conversation with one client: what its events do, and what it is told. Knows nothing of sockets.

It outlives a connection that is lost: events go into the outbox, and whoever is attached takes them from there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from stepwave.dialogue.session import Session
from stepwave.dialogue.state import Mark
from stepwave.facts.conversation import Message
from stepwave.facts.errors import StepwaveError
from stepwave.facts.events import AudioDelta, Event
from stepwave.models.detokenizer import Voice
from stepwave.serving.admission import check_admission
from stepwave.serving.errors import ApiError, api_error
from stepwave.serving.memory import give_back_now
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
from stepwave.serving.realtime.draft import Draft
from stepwave.serving.realtime.hearing import MILLISECONDS, Hearing, Question
from stepwave.serving.realtime.history import History
from stepwave.serving.realtime.item_list import ItemList
from stepwave.serving.realtime.items import Item, new_id, read_item, spoken_item
from stepwave.serving.realtime.outbox import Outbox
from stepwave.serving.realtime.playback import Playback
from stepwave.serving.realtime.response import Reason, Response
from stepwave.serving.realtime.settings import Settings
from stepwave.serving.realtime.transcription import Transcription
from stepwave.serving.service import Service
from stepwave.serving.sound_bytes import decode_base64
from stepwave.signal.resample import Samples

_LOG = logging.getLogger(__name__)
LEAST_ROOM: Final = 2_000
"""Positions under which the oldest turns are forgotten: a question of 20 s and an answer of 50."""
KEPT_POSITIONS: Final = 1_500
"""What is kept then: reading it anew costs time."""


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
        self._items = ItemList(self.outbox.put)
        self._history = History(self._session, service.talker.engine.tokenizer)
        self._response: Response | None = None
        self._answering: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._cancelled: Reason | None = None
        self._foreseen: _Foreseen | None = None
        self._playback = Playback()
        self._transcription = Transcription(service, self.outbox.put, self._answered)
        self._hearing = Hearing(service, self._settings, self._playback, self.outbox.put, self)
        self._put({"type": "session.created", "session": self._shown()})

    async def handle(self, text: str | bytes) -> None:
        """Take one message. Whatever is wrong with it is told to the client, and the conversation goes on."""
        try:
            event = parse(text)
        except ApiError as error:
            self.complain(error, event_id_of(text))
            return
        with self._told(event.event_id):
            await self._do(event)

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
        return self.answering or self._transcription.busy

    @property
    def responding(self) -> bool:
        """Whether an answer is being told; one that was stopped may still be ending."""
        return self._response is not None

    def interrupt(self) -> None:
        """Stop the answer under way, if there is one: somebody speaks."""
        if self._response is not None:
            self._stop("turn_detected")

    def foresee(self, samples: Samples, speech_end: int) -> bool:
        """Begin to answer what was said so far, in case that it is all, where nothing else is to be done.

        Whether it was begun: an answer that is being thrown away, say, takes a moment.
        """
        settings, turns = self._settings, self._settings.turns
        if turns is None or not turns.create_response or self.answering or self._service.turns.count:
            return False
        try:
            check_admission(self._service)
        except ApiError:
            return False
        session, marks = self._session, list[Mark]()
        messages = [item.message() for item in (*self._items.unasked, spoken_item("", samples))]

        def make() -> Iterator[Event]:
            self._make_room(session)
            marks.append(session.mark())
            return self._ask(session, settings, messages)

        def undo() -> None:
            if marks:
                session.go_back(marks[0])

        self._foreseen = _Foreseen(Draft(self._service.turns, make, undo), speech_end, messages)
        return True

    def resumed(self) -> None:
        """What was said was not all."""
        if self._foreseen is not None:
            self._service.metrics.drafts.labels("withdrawn").inc()
            draft, self._foreseen = self._foreseen.draft, None
            self._mend(draft.withdraw, None)

    def commit(self, question: Question) -> None:
        """Take what was said as the next item. Raises ApiError where it is to be answered and can't be now."""
        if self._foreseen is not None and self._foreseen.speech_end != question.speech_end:
            self.resumed()
        place = {"previous_item_id": self._items.last_id, "item_id": question.item_id}
        self._put({"type": "input_audio_buffer.committed", **place})
        item = spoken_item(question.item_id, question.samples)
        self._items.add(item)
        if self._settings.transcription is not None:
            self._transcription.start(item, question.samples)
        try:
            if question.wants_answer:
                self._answer(None)
        finally:
            self.resumed()  # without effect on an answer that is told now

    async def end(self) -> None:
        """Break off what is under way, for good."""
        await self._transcription.end()
        if self._foreseen is not None:
            await self._foreseen.draft.stop()
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._session.close()  # this object and its parts know each other, so it may stay in memory for long
        await asyncio.to_thread(give_back_now)

    async def _do(self, event: ClientEvent) -> None:
        if not isinstance(event, Append):
            self.resumed()  # whatever it changes, the draft was made without
        if isinstance(event, Append):
            await self._hearing.append(decode_base64(event.audio, "audio"))
        elif isinstance(event, SessionUpdate):
            self._update(event)
        elif isinstance(event, Commit):
            self._hearing.commit()
        elif isinstance(event, Clear):
            self._hearing.clear()
        elif isinstance(event, ItemCreate):
            self._create(event)
        elif isinstance(event, ItemRetrieve):
            item = self._items.find(event.item_id, "retrieve")
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
        self._settings = self._settings.updated(event.session, self._service.talker)
        self._hearing.configure(self._settings)
        self._put({"type": "session.updated", "session": self._shown()})

    # Items

    def _create(self, event: ItemCreate) -> None:
        self._items.check_end(event.previous_item_id)
        item = read_item(event.item, self._settings.input_format, self._service.talker)
        if item.type == "function_call_output":
            self._items.check_call(item.call_id)
        self._items.add(item)

    def _delete(self, event: ItemDelete) -> None:
        item = self._items.find(event.item_id, "delete")
        if item.status == "in_progress":
            raise ApiError(
                f"item '{item.id}' is still being made; cancel its response first", code="unsupported", param="item_id"
            )
        if not item.asked:
            self._items.delete(item.id)
            return

        async def forget() -> None:
            await self._service.turns.call(lambda: self._history.delete(item))
            self._items.delete(item.id)

        self._mend(forget, event.event_id)

    def _truncate(self, event: ItemTruncate) -> None:
        item = self._items.find(event.item_id, "truncate")
        if item.role != "assistant" or not item.content or item.content[0]["type"] != "output_audio":
            raise ApiError(f"item '{item.id}' is no spoken answer", code="invalid_value", param="item_id")
        if self._response is not None and item in self._response.items:
            self._stop("client_cancelled")
        self._playback.stop()

        async def shorten() -> None:
            seconds = event.audio_end_ms / MILLISECONDS
            item.content[0]["transcript"] = await self._service.turns.call(
                lambda: self._history.truncate(item, seconds)
            )
            place = {"item_id": item.id, "content_index": event.content_index, "audio_end_ms": event.audio_end_ms}
            self._put({"type": "conversation.item.truncated", **place})

        self._mend(shorten, event.event_id)

    def _mend(self, change: Callable[[], Awaitable[None]], event_id: str | None) -> None:
        """Change what the model has read, once the answer under way is over; further ones wait for it.

        What is heard meanwhile does not. Whatever is wrong with it is told to the client.
        """
        before = self._answering

        async def in_order() -> None:
            if before is not None:
                await asyncio.wait([before])
            with self._told(event_id):
                await change()

        self._begin(in_order())

    @contextmanager
    def _told(self, event_id: str | None) -> Iterator[None]:
        """Tell the client of what goes wrong within."""
        try:
            yield
        except StepwaveError as error:
            self.complain(api_error(error), event_id)
        except Exception as error:
            _LOG.exception("session %s: a message failed", self.id)
            self.complain(api_error(error), event_id)

    # Answers

    def _answer(self, param: ResponseParam | None) -> None:
        if self._response is not None:
            raise ApiError(
                f"response {self._response.id} is still being made; cancel it first, or wait for response.done",
                code="conversation_already_has_active_response",
            )
        service = self._service
        check_admission(service)
        settings = self._settings if param is None else self._settings.changed(param, service.talker)
        apart = param is not None and (param.conversation == "none" or param.input is not None)
        if apart and param is not None:
            items = [read_item(one, settings.input_format, service.talker) for one in param.input or []]
            session = service.talker.session(settings.instructions, tools=settings.offered)
        else:
            items = self._items.unasked
            session = self._session
        self._cancelled = None
        self._response = Response(
            settings,
            self._put,
            (lambda item: None) if apart else self._items.add,
            metadata=None if param is None else param.metadata,
            conversation=None if apart else self._conversation_id,
            voice=settings.voice_said or settings.voice or "default",
        )

        def make() -> Iterator[Event]:
            self._make_room(session)
            kept = [item for item in items if apart or item in self._items]  # the others were deleted meanwhile
            messages = [item.message() for item in kept]
            self._hand_over(kept, messages, apart)
            return self._ask(session, settings, messages)

        asked, before, draft = time.monotonic(), self._answering, None
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is None:
            events = self._service.turns.stream(make)
        else:
            self._service.metrics.drafts.labels("kept").inc()
            self._hand_over(items, foreseen.messages, apart)
            draft = foreseen.draft
            events = draft.events()
        self._begin(self._run(self._response, events, lambda: len(session.ids), asked, before, draft))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        """Start what answers or changes the history; whatever comes next waits for it."""
        self._answering = asyncio.create_task(work)
        self._under_way.add(self._answering)
        self._answering.add_done_callback(self._under_way.discard)

    def _make_room(self, session: Session) -> None:
        if session.room < LEAST_ROOM:
            forgotten = session.forget_oldest(KEPT_POSITIONS)
            if session is self._session:
                self._history.forgot()
            _LOG.info("session %s: %d turns forgotten to make room", self.id, forgotten)

    def _hand_over(self, items: Sequence[Item], messages: Sequence[Message | None], apart: bool) -> None:
        """The model gets items, as `messages`: their sound need not be kept, and they have a place in its history."""
        for item, message in zip(items, messages, strict=True):
            item.asked, item.sound = True, []
            if message is not None and not apart:
                self._history.expect(item, message)

    def _ask(self, session: Session, settings: Settings, messages: Sequence[Message | None]) -> Iterator[Event]:
        session.instruct(settings.instructions, settings.offered)
        for message in messages:
            if message is not None:
                session.add(message)
        return session.stream(
            voice=settings.voice or self._voice,
            text_only=not settings.spoken,
            max_seconds=settings.most_seconds,
            interrupted=self._service.stopped.is_set,
        )

    async def _answered(self) -> None:
        """Wait until no answer is being made."""
        while self.answering and self._answering is not None:
            await asyncio.wait([self._answering])

    async def _run(
        self,
        response: Response,
        events: AsyncGenerator[Event],
        tokens: Callable[[], int],
        asked: float,
        before: asyncio.Task[None] | None,
        draft: Draft | None,
    ) -> None:
        """Tell one answer. `before` is the one that may still be ending; `draft` is where `events` come from."""
        metrics = self._service.metrics
        failure: ApiError | None = None
        try:
            if before is not None:
                await asyncio.wait([before])
            if self._cancelled is None:
                async with aclosing(events):
                    async for event in events:
                        if self._cancelled is not None or response.over:
                            break
                        if isinstance(event, AudioDelta):
                            if not response.sounded:
                                metrics.first_audio.observe(time.monotonic() - asked)
                            seconds = len(event.samples) / event.sample_rate
                            self._playback.add(seconds)
                            metrics.said_seconds.inc(seconds)
                        response.take(event)
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
            if draft is not None:
                await draft.stop()
            if response.in_conversation:
                self._history.answered(response.items)
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
        if response.in_conversation and status != "failed":
            self._hearing.answered()
        self._service.metrics.answers.labels(status).inc()
        if self._response is response:
            self._response = None
        self._put({"type": "rate_limits.updated", "rate_limits": []})

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


@dataclass(frozen=True)
class _Foreseen:
    """A question that may be over, and its answer."""

    draft: Draft
    speech_end: int
    messages: list[Message | None]
    """What the model got, one for each item not asked before and for the question."""
