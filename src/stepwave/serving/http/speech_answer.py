"""A text read aloud, sentence by sentence, as the bytes of a file or as OpenAI's events."""

from __future__ import annotations

import base64
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any

import numpy as np

from stepwave.dialogue.stepwave import PAUSE_SECONDS, Stepwave
from stepwave.facts.errors import StoppingError
from stepwave.facts.events import AudioDelta, Event, Finished
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.serving.http.answering import events_of
from stepwave.serving.http.sound_formats import SoundWriter
from stepwave.serving.service import Service
from stepwave.serving.voices import SpokenVoice


async def file(service: Service, text: str, voice: SpokenVoice, name: str) -> AsyncGenerator[bytes]:
    """The bytes of a file in the format `name`, a key of FORMATS, as they come; errors as `Stepwave.stream_say`."""
    writer = SoundWriter(name)
    async with aclosing(_read(service, text, voice)) as events:
        async for event in events:
            if isinstance(event, AudioDelta) and (piece := writer.push(event.samples)):
                yield piece
    if piece := writer.finish():
        yield piece


async def events(service: Service, text: str, voice: SpokenVoice, name: str) -> AsyncGenerator[dict[str, Any]]:
    """The same file as OpenAI's `speech.audio.delta` events, and a `speech.audio.done` with the tokens counted."""
    writer = SoundWriter(name)
    words = codes = 0
    async with aclosing(_read(service, text, voice)) as taken:
        async for event in taken:
            if isinstance(event, AudioDelta) and (piece := writer.push(event.samples)):
                yield _delta(piece)
            elif isinstance(event, Finished):
                words += event.text_tokens
                codes += event.speech_tokens
    if piece := writer.finish():
        yield _delta(piece)
    usage = {"input_tokens": words, "output_tokens": codes, "total_tokens": words + codes}
    yield {"type": "speech.audio.done", "usage": usage}


def _delta(piece: bytes) -> dict[str, Any]:
    return {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}


async def _read(service: Service, text: str, voice: SpokenVoice) -> AsyncGenerator[Event]:
    async with events_of(service, lambda: _with_pauses(service.talker, text, voice, service.stopped)) as taken:
        async for event in taken:
            if isinstance(event, AudioDelta):
                service.metrics.said_seconds.inc(len(event.samples) / event.sample_rate)
            yield event


def _with_pauses(talker: Stepwave, text: str, voice: SpokenVoice, stopped: threading.Event) -> Iterator[Event]:
    """The reading with a short silence between its sentences."""
    pause = AudioDelta(np.zeros(round(PAUSE_SECONDS * OUTPUT_SAMPLE_RATE), dtype=np.float32), OUTPUT_SAMPLE_RATE)
    between = False
    for event in talker.stream_say(text, voice):
        if stopped.is_set():
            raise StoppingError("the server stopped before all was read; ask again later")
        if between and isinstance(event, AudioDelta):
            yield pause
            between = False
        between = between or isinstance(event, Finished)
        yield event
