"""The answers of one conversation, one after the other: begun ahead where that pays, told, stopped.

What changes the history, which the model reads for all of them, waits in the same line.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

from stepwave.facts.conversation import Message
from stepwave.facts.errors import StepwaveError
from stepwave.facts.events import AudioDelta, Event
from stepwave.models.detokenizer import Voice
from stepwave.serving.admission import check_admission
from stepwave.serving.errors import ApiError, api_error
from stepwave.serving.realtime.approvals import Approvals
from stepwave.serving.realtime.draft import Draft
from stepwave.serving.realtime.history import History
from stepwave.serving.realtime.item_list import ItemList
from stepwave.serving.realtime.items import Item, new_id, spoken_item
from stepwave.serving.realtime.outbox import Outbox
from stepwave.serving.realtime.playback import Playback
from stepwave.serving.realtime.reading import Place, Reading
from stepwave.serving.realtime.response import Reason, Response
from stepwave.serving.realtime.settings import Settings
from stepwave.serving.server_tools import written_arguments
from stepwave.serving.service import Service
from stepwave.serving.tool_rounds import RoundEvent, in_rounds
from stepwave.signal.resample import Samples
from stepwave.tools.contract import Tool

Told: TypeAlias = Callable[[str | None], AbstractContextManager[None]]
"""Tells the client of what goes wrong within, as the fault of the message with that id."""

_LOG = logging.getLogger(__name__)


class Answers:
    """Lives on the event loop.

    Args:
        service: what all conversations share.
        name: the conversation's, for the log.
        voice: is spoken with where the client names none; None for the model's own.
        items: what was said; answers are added to it.
        playback: is told of the sound that goes out.
        outbox: takes events for the client.
        told: tells the client of what goes wrong in a change of the history.
        answered: is called when an answer in the conversation is over and did not fail.
    """

    def __init__(
        self,
        service: Service,
        name: str,
        voice: Voice | None,
        items: ItemList,
        playback: Playback,
        outbox: Outbox,
        told: Told,
        answered: Callable[[], object],
    ) -> None:
        self._service = service
        self._name = name
        self._voice = voice
        self._reading = Reading(service, service.talker.session(), voice, name)
        self.approvals = Approvals(service.config.approval_seconds)
        """Sensitive calls that wait for the user."""
        self._items = items
        self._playback = playback
        self._outbox = outbox
        self._told = told
        self._tell_answered = answered
        self._conversation_id = new_id("conv")
        self._response: Response | None = None
        self._answering: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._cancelled: Reason | None = None
        self._stopped = asyncio.Event()
        self._foreseen: _Foreseen | None = None

    @property
    def history(self) -> History:
        """What the model has read; to be changed within `mend`."""
        return self._reading.history

    @property
    def answering(self) -> bool:
        """Whether an answer is being made, or the history changed."""
        return self._answering is not None and not self._answering.done()

    @property
    def response(self) -> Response | None:
        """The answer that is being told; one that was stopped may still be ending."""
        return self._response

    def check_free(self) -> None:
        """Raise ApiError where an answer is being told already, or the server takes nothing new."""
        if self._response is not None:
            raise ApiError(
                f"response {self._response.id} is still being made; cancel it first, or wait for response.done",
                code="conversation_already_has_active_response",
            )
        check_admission(self._service)

    def start(
        self, settings: Settings, apart: Sequence[Item] | None = None, metadata: dict[str, str] | None = None
    ) -> None:
        """Answer what was not asked yet; or the items `apart`, which leaves the conversation as it is.

        Raises ApiError as `check_free`.
        """
        self.check_free()
        reading, items = self._reading, self._items.unasked
        if apart is not None:
            session = self._service.talker.session(settings.instructions, tools=settings.offered)
            reading, items = Reading(self._service, session, self._voice, self._name, aside=True), list(apart)
        self._cancelled = None
        self._stopped = asyncio.Event()

        async def consent(tool: Tool, arguments: Mapping[str, Any]) -> bool:
            return await self.approvals.ask(response.ask(tool.name, written_arguments(arguments)).id)

        calls = self._service.tools.calls(settings.tool_names, settings.use_tools, consent)
        response = self._response = Response(
            settings,
            self._outbox.put,
            (lambda item: None) if reading.aside else self._items.add,
            calls.is_ours,
            metadata=metadata,
            conversation=None if reading.aside else self._conversation_id,
            voice=settings.voice_shown,
        )

        def make() -> Iterator[Event]:
            reading.make_room()
            kept = [item for item in items if reading.aside or item in self._items]  # others were deleted meanwhile
            messages = [item.message() for item in kept]
            reading.hand_over(kept, messages)
            return reading.ask(settings, messages)

        asked, before, draft = time.monotonic(), self._answering, None
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is None:
            events = self._service.turns.stream(make)
        else:
            self._service.metrics.drafts.labels("kept").inc()
            reading.hand_over(items, foreseen.messages)
            draft = foreseen.draft
            events = draft.events()

        def ask() -> AsyncGenerator[Event]:
            """A round; from the second one on, the results of the round before are what is asked."""
            nonlocal items
            new = response.new_items()
            if not new:
                return events
            reading.answered(new)
            items = [item for item in new if not item.asked]
            return self._service.turns.stream(make)

        rounds = in_rounds(self._service, reading.session, calls, ask, self._stopped)
        self._begin(self._run(reading, response, rounds, asked, before, draft))

    def foresee(self, settings: Settings, samples: Callable[[], Samples], speech_end: int) -> bool:
        """Begin to answer what was said so far, in case that it is all, where nothing else is to be done.

        Whether it was begun: an answer that is being thrown away, say, takes a moment.
        """
        turns = settings.turns
        if turns is None or not turns.create_response or self.answering or self._service.turns.count:
            return False
        try:
            check_admission(self._service)
        except ApiError:
            return False
        reading, places = self._reading, list[Place]()
        messages = [item.message() for item in (*self._items.unasked, spoken_item("", samples()))]

        def make() -> Iterator[Event]:
            reading.make_room()
            places.append(reading.mark())
            return reading.ask(settings, messages)

        def undo() -> None:
            if places:
                reading.go_back(places[0])

        self._foreseen = _Foreseen(Draft(self._service.turns, make, undo), speech_end, messages)
        return True

    def withdraw(self, unless: int | None = None) -> None:
        """Take back what was begun ahead, except for a question whose speech ended at `unless`."""
        if self._foreseen is not None and (unless is None or self._foreseen.speech_end != unless):
            self._service.metrics.drafts.labels("withdrawn").inc()
            draft, self._foreseen = self._foreseen.draft, None
            self.mend(draft.withdraw, None)

    def mend(self, change: Callable[[], Awaitable[None]], event_id: str | None) -> None:
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

    def stop(self, reason: Reason) -> None:
        """Tell at once that the answer ends here; what the model still does of it is thrown away."""
        response, self._cancelled = self._response, reason
        self._stopped.set()
        if response is not None and not response.over:
            self._close(response, 0, None)

    async def over(self) -> None:
        """Wait until no answer is being made."""
        while self.answering and self._answering is not None:
            await asyncio.wait([self._answering])

    async def end(self) -> None:
        """Break off what is under way, for good."""
        if self._foreseen is not None:
            await self._foreseen.draft.stop()
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._reading.session.close()  # this object and its parts know each other, so it may stay in memory for long

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        """Start what answers or changes the history; whatever comes next waits for it."""
        self._answering = asyncio.create_task(work)
        self._under_way.add(self._answering)
        self._answering.add_done_callback(self._under_way.discard)

    async def _run(
        self,
        reading: Reading,
        response: Response,
        events: AsyncGenerator[RoundEvent],
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
                        await self._outbox.room()
        except asyncio.CancelledError:
            self._cancelled = self._cancelled or "client_cancelled"
            raise
        except StepwaveError as error:
            failure = api_error(error)
        except Exception as error:
            _LOG.exception("session %s: an answer failed", self._name)
            failure = api_error(error)
        finally:
            if draft is not None:
                await draft.stop()
            reading.answered(response.new_items())
            if not response.over:
                self._close(response, len(reading.session.ids), failure)

    def _close(self, response: Response, tokens: int, failure: ApiError | None) -> None:
        if self._cancelled is not None:
            response.finish("cancelled", tokens, self._cancelled)
        elif failure is not None:
            response.finish("failed", tokens, error=failure)
        else:
            response.finish("completed", tokens)
        status = "cancelled" if self._cancelled is not None else "failed" if failure is not None else "completed"
        if response.in_conversation and status != "failed":
            self._tell_answered()
        self._service.metrics.answers.labels(status).inc()
        if self._response is response:
            self._response = None
        self._outbox.put({"type": "rate_limits.updated", "rate_limits": []})


@dataclass(frozen=True)
class _Foreseen:
    """A question that may be over, and its answer."""

    draft: Draft
    speech_end: int
    messages: list[Message | None]
    """What the model got, one for each item not asked before and for the question."""
