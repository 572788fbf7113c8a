"""Answers of a server that may call its tools: `dialogue.loop.converse` for an event loop.

Between two rounds of the model its thread is free: the session waits here for the tool, and other answers go on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

from stepwave.dialogue.loop import NO_MORE_CALLS, ROUNDS, switched
from stepwave.dialogue.session import Session
from stepwave.facts.events import Event, Finished, FinishReason, ToolCallRequest
from stepwave.serving.server_tools import Calls
from stepwave.serving.service import Service
from stepwave.signal.resample import Samples
from stepwave.tools.runner import ToolOutcome

_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Working:
    """A call of the server's is being run."""

    call: ToolCallRequest


@dataclass(frozen=True)
class Answered:
    """It is over."""

    outcome: ToolOutcome
    told: str
    """What the model is to read of it: the outcome, and after the last round that no more calls are possible."""
    clip: Samples | None = None
    """What it is to hear of it, at 16 kHz, [n]."""


RoundEvent: TypeAlias = Event | Working | Answered


async def in_rounds(
    service: Service,
    session: Session,
    calls: Calls,
    ask: Callable[[], AsyncGenerator[Event]],
    stopped: asyncio.Event,
    rounds: int = ROUNDS,
) -> AsyncGenerator[RoundEvent]:
    """The events of all rounds as they come, and one `Finished` last, with all tokens and the whole time.

    Calls of the server follow their round, in the order in which the model made them. A round with a call of the
    client's is the last: the client has to answer first. Calls of an interrupted round are not run.

    Args:
        service: counts the calls.
        session: the conversation.
        calls: whose each call is, and what runs the server's.
        ask: the events of one round. Called again when all its results were yielded as `Answered`, whose texts are to
            be read by the model first.
        stopped: set where nobody waits for the answer any more; ends the wait for a tool.
        rounds: how many times the model may call.
    """
    started = time.perf_counter()
    text_tokens = speech_tokens = 0
    reason: FinishReason = "interrupted"
    read: list[ToolOutcome] = []
    for left in range(rounds, -1, -1):
        ours: list[ToolCallRequest] = []
        is_last_round, reason = False, "interrupted"
        async with aclosing(ask()) as events:
            async for event in events:
                if isinstance(event, Finished):
                    reason = event.reason
                    text_tokens += event.text_tokens
                    speech_tokens += event.speech_tokens
                    continue
                if isinstance(event, ToolCallRequest):
                    if calls.is_ours(event):
                        ours.append(event)
                    else:
                        is_last_round = True
                yield event
        if reason == "interrupted":
            ours.clear()
        outcomes: list[ToolOutcome] = []
        for number, call in enumerate(ours, start=1):
            yield Working(call)
            outcome = await _unless(stopped, calls.run(call, read)) if left else calls.refuse(call)
            if outcome is None:
                reason = "interrupted"
                break
            outcome, clip = await _taken(service, session, outcome)
            outcomes.append(outcome)
            last = left == 1 and number == len(ours)
            yield Answered(outcome, outcome.text + NO_MORE_CALLS if last else outcome.text, clip)
        read += outcomes
        if not ours or is_last_round or reason == "interrupted":
            break
    yield Finished(reason, text_tokens, speech_tokens, time.perf_counter() - started)


async def _taken(service: Service, session: Session, outcome: ToolOutcome) -> tuple[ToolOutcome, Samples | None]:
    """A call is over: count it, and switch to the voice that it found. The session is free here."""
    clip = None
    if outcome.voice is not None:  # making a voice of a clip computes
        outcome, clip = await service.turns.call(partial(switched, session, outcome))
    service.metrics.tool_calls.labels(outcome.status).inc()
    if outcome.problem is not None:
        _LOG.warning("the tool %r: %s", outcome.name, outcome.problem)
    return outcome, clip


async def _unless(stopped: asyncio.Event, work: Coroutine[None, None, _T]) -> _T | None:
    """What `work` comes to; None where `stopped` is set first, which cancels it."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() and not stopped.is_set() else None
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
