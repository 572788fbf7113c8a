"""A conversation with one client: what its events do, and what it is told. Knows nothing of sockets.

It outlives a connection that is lost: events go into the outbox, and whoever is attached takes them from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stepwave.facts.errors import StepwaveError
from stepwave.models.detokenizer import Voice
from stepwave.serving.errors import ApiError, api_error
from stepwave.serving.realtime.answers import Answers
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
from stepwave.serving.realtime.hearing import MILLISECONDS, Hearing, Question
from stepwave.serving.realtime.item_list import ItemList
from stepwave.serving.realtime.items import new_id, read_item, spoken_item, tool_list
from stepwave.serving.realtime.outbox import Outbox
from stepwave.serving.realtime.playback import Playback
from stepwave.serving.realtime.settings import Settings, voice_asked
from stepwave.serving.realtime.transcription import Transcription
from stepwave.serving.service import Service
from stepwave.serving.sound_bytes import decode_base64
from stepwave.serving.voices import voice_named
from stepwave.signal.resample import Samples

_LOG = logging.getLogger(__name__)


class Conversation:
    """One session of the Realtime protocol. Lives on the event loop; `handle` takes one message after the other."""

    def __init__(self, service: Service, voice: Voice | None = None) -> None:
        """`voice` is spoken with where the client names none; None for the model's own."""
        self.id = new_id("sess")
        self.resume_token = new_id("resume")
        self.outbox = Outbox(service.config.most_unsent_bytes)
        self._service = service
        self._settings = Settings(server_tools=service.tools.schemas)
        self._items = ItemList(self.outbox.put)
        self._playback = Playback()
        self._answers = Answers(
            service, self.id, voice, self._items, self._playback, self.outbox, self._told, self._answered
        )
        self._transcription = Transcription(service, self.outbox.put, self._answers.over)
        self._hearing = Hearing(service, self._settings, self._playback, self.outbox.put, self)
        self._put({"type": "session.created", "session": self._shown()})
        if self._settings.server_tools:
            listed = tool_list(self._settings.server_tools)
            self._items.add(listed)
            self._put({"type": "mcp_list_tools.completed", "item_id": listed.id})

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
        return self._answers.answering

    @property
    def busy(self) -> bool:
        """Whether an answer is being made, or a question written down."""
        return self.answering or self._transcription.busy

    @property
    def responding(self) -> bool:
        """Whether an answer is being told; one that was stopped may still be ending."""
        return self._answers.response is not None

    def interrupt(self) -> None:
        """Stop the answer under way, if there is one: somebody speaks."""
        if self.responding:
            self._answers.stop("turn_detected")

    def foresee(self, samples: Callable[[], Samples], speech_end: int) -> bool:
        """Begin to answer what was said so far, in case that it is all; whether it was begun."""
        return self._answers.foresee(self._settings, samples, speech_end)

    def resumed(self) -> None:
        """What was said was not all."""
        self._answers.withdraw()

    def commit(self, question: Question) -> None:
        """Take what was said as the next item. Raises ApiError where it is to be answered and can't be now."""
        self._answers.withdraw(unless=question.speech_end)
        place = {"previous_item_id": self._items.last_id, "item_id": question.item_id}
        self._put({"type": "input_audio_buffer.committed", **place})
        item = spoken_item(question.item_id, question.samples)
        self._items.add(item)
        if self._settings.transcription is not None:
            self._transcription.start(item, question.samples)
        try:
            if question.wants_answer:
                self._answers.start(self._settings)
        finally:
            self.resumed()  # without effect on an answer that is told now

    async def end(self) -> None:
        """Break off what is under way, for good."""
        await self._transcription.end()
        await self._answers.end()

    async def _do(self, event: ClientEvent) -> None:
        if not isinstance(event, Append):
            self.resumed()  # whatever it changes, the draft was made without
        if isinstance(event, Append):
            await self._hearing.append(decode_base64(event.audio, "audio"))
        elif isinstance(event, SessionUpdate):
            await self._update(event)
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
            await self._answer(event.response)
        elif isinstance(event, ResponseCancel):
            self._cancel(event)

    # Settings

    def _shown(self) -> dict[str, Any]:
        shown = self._settings.to_protocol(self._service.config.model_name)
        extras = {"resume": self.resume_token, "resume_seconds": self._service.config.resume_seconds}
        return {"id": self.id, **shown, "stepwave": extras}

    async def _update(self, event: SessionUpdate) -> None:
        voice = await voice_named(self._service, voice_asked(event.session))
        self._settings = self._settings.updated(event.session, voice)
        self._hearing.configure(self._settings)
        self._put({"type": "session.updated", "session": self._shown()})

    # Items

    def _create(self, event: ItemCreate) -> None:
        self._items.check_end(event.previous_item_id)
        item = read_item(event.item, self._settings.input_format, self._service.talker)
        if item.type == "function_call_output":
            self._items.check_call(item.call_id)
        elif item.type == "mcp_approval_response":
            self._answers.approvals.answer(item.approval_request_id, bool(item.approve))
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
            await self._service.turns.call(lambda: self._answers.history.delete(item))
            self._items.delete(item.id)

        self._answers.mend(forget, event.event_id)

    def _truncate(self, event: ItemTruncate) -> None:
        item = self._items.find(event.item_id, "truncate")
        if item.role != "assistant" or not item.content or item.content[0]["type"] != "output_audio":
            raise ApiError(f"item '{item.id}' is no spoken answer", code="invalid_value", param="item_id")
        response = self._answers.response
        if response is not None and item in response.items:
            self._answers.stop("client_cancelled")
        self._playback.stop()

        async def shorten() -> None:
            seconds = event.audio_end_ms / MILLISECONDS
            item.content[0]["transcript"] = await self._service.turns.call(
                lambda: self._answers.history.truncate(item, seconds)
            )
            place = {"item_id": item.id, "content_index": event.content_index, "audio_end_ms": event.audio_end_ms}
            self._put({"type": "conversation.item.truncated", **place})

        self._answers.mend(shorten, event.event_id)

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

    async def _answer(self, param: ResponseParam | None) -> None:
        self._answers.check_free()
        if param is None:
            self._answers.start(self._settings)
            return
        voice = await voice_named(self._service, voice_asked(param))
        settings = self._settings.changed(param, voice)
        apart = None
        if param.conversation == "none" or param.input is not None:
            talker = self._service.talker
            apart = [read_item(one, settings.input_format, talker) for one in param.input or []]
        self._answers.start(settings, apart, param.metadata)

    def _answered(self) -> None:
        self._hearing.answered()

    def _cancel(self, event: ResponseCancel) -> None:
        response = self._answers.response
        if response is None or event.response_id not in (None, response.id):
            raise ApiError("there is no such answer to cancel", code="response_cancel_not_active")
        self._answers.stop("client_cancelled")

    def _put(self, event: dict[str, Any]) -> None:
        self.outbox.put(event)
