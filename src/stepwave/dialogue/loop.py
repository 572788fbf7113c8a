"""Answers that may call tools: the model speaks, asks, is told what came of it, and goes on.

Calls are taken from the model's own answers alone, as the events that its decoding gives. What a tool returns is added
as a turn of plain text and never searched for calls. Once the model has read what strangers wrote, the user is asked
about its calls, until the user's next turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from stepwave.dialogue.listening import Recording
from stepwave.dialogue.session import Session
from stepwave.dialogue.voices import LONGEST_PROMPT_SECONDS, VoiceChoice
from stepwave.facts.conversation import TextPart
from stepwave.facts.errors import AudioError, ConfigError
from stepwave.facts.events import Event, Finished, FinishReason, ToolCallRequest
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.files import Audio
from stepwave.signal.resample import Samples, resample
from stepwave.signal.voice_activity import trim
from stepwave.tools.runner import ToolOutcome, ToolRunner

ROUNDS: Final = 4
NO_MORE_CALLS: Final = "\n\nNo more tool calls are possible now. Answer the user with what you know."
"""Follows the last result of the last round."""

VOICE_UNUSABLE: Final = "The voice that was found cannot be used, so you speak as before."

LoopEvent: TypeAlias = Event | ToolOutcome


def converse(
    session: Session,
    runner: ToolRunner,
    question: Recording | TextPart | None = None,
    *,
    rounds: int = ROUNDS,
    voice: VoiceChoice = None,
    text_only: bool = False,
    max_seconds: float | None = None,
    interrupted: Callable[[], bool] | None = None,
) -> Iterator[LoopEvent]:
    """Answer a question as events, with the calls that the model makes on the way.

    The events of all answers pass as they come, so what is said before a call is heard while the tool works; a
    `ToolOutcome` follows for each call once it is finished, and one `Finished` comes last, with all tokens and the
    whole time. Its reason is that of the last answer.

    Args:
        session: the conversation; it must have been told of the tools (`runner.schemas`).
        runner: runs the calls, in the order in which the model made them.
        question: as `Session.stream`, like the arguments that are not listed here. `max_seconds` bounds each answer.
        rounds: how many times the model may call, any number of tools each time. Then it is told that it must do
            without; a call that it makes nevertheless is not run.
        interrupted: is asked before every token and every call. Calls of an interrupted answer are not run.

    Raises, when the first event is taken, ConfigError for less than one round, and what `Session.stream` raises; that
    of a later answer when it begins, such as ConfigError where the results leave no room in the conversation.
    """
    if rounds < 1:
        raise ConfigError(f"got {rounds} rounds of tool calls; wanted at least 1, or a session without tools")
    started = time.perf_counter()
    text_tokens = speech_tokens = 0
    reason: FinishReason = "interrupted"
    read: list[ToolOutcome] = []
    for left in range(rounds, -1, -1):
        calls: list[ToolCallRequest] = []
        for event in session.stream(
            question, voice=voice, text_only=text_only, max_seconds=max_seconds, interrupted=interrupted
        ):
            if isinstance(event, Finished):
                reason = event.reason
                text_tokens += event.text_tokens
                speech_tokens += event.speech_tokens
            else:
                if isinstance(event, ToolCallRequest):
                    calls.append(event)
                yield event
        if reason == "interrupted":
            calls.clear()
        outcomes: list[ToolOutcome] = []
        for number, call in enumerate(calls, start=1):
            if interrupted is not None and interrupted():
                reason = "interrupted"
                break
            outcome = runner.run(call, read) if left else runner.refuse(call)
            last = left == 1 and number == len(calls)
            outcome, clip = switched(session, outcome)
            session.add_result(outcome.text + NO_MORE_CALLS if last else outcome.text, clip)
            outcomes.append(outcome)
            yield outcome
        read += outcomes
        if not calls or reason == "interrupted":
            break
        question = None
    yield Finished(reason, text_tokens, speech_tokens, time.perf_counter() - started)


def switched(session: Session, outcome: ToolOutcome) -> tuple[ToolOutcome, Samples | None]:
    """Switch to the voice that was found, if any, and return what the model is to hear of it (16 kHz, [n]).

    An outcome whose voice cannot be used becomes a failure.
    """
    found = outcome.voice
    if found is None:
        return outcome, None
    try:
        session.switch_voice(found.clip)
        return outcome, None if found.clip is None else _style(found.clip)
    except AudioError as error:
        return replace(outcome, text=VOICE_UNUSABLE, status="failed", problem=str(error), voice=None), None


def _style(clip: Audio) -> Samples:
    """As much of a clip as becomes the voice, for the model to hear."""
    sound = trim(clip.samples, clip.sample_rate)[: int(LONGEST_PROMPT_SECONDS * clip.sample_rate)]
    return resample(sound, clip.sample_rate, INPUT_SAMPLE_RATE)
