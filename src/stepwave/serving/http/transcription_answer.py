"""What is said in a recording, written down or translated piece by piece."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from stepwave.checkpoints.layouts import Kind
from stepwave.dialogue.language import Engine
from stepwave.dialogue.listening import stretches
from stepwave.dialogue.session import Session
from stepwave.dialogue.tasks import stream_transcript
from stepwave.facts.errors import StoppingError
from stepwave.facts.events import TextDelta
from stepwave.facts.rates import INPUT_SAMPLE_RATE, PIECE_SECONDS
from stepwave.serving.errors import ApiError
from stepwave.serving.http.answering import events_of
from stepwave.serving.service import Service
from stepwave.signal.resample import Samples
from stepwave.text.prompts import TRANSLATE

Writer = Callable[[Samples], Iterator[str]]
"""Words, part by part, of at most 25 s of sound, samples [n] at 16 kHz."""
TRANSLATION_PROMPTS: Final[Mapping[Kind, str]] = MappingProxyType({"released": TRANSLATE.format(language="English")})
"""What asks for a translation to English; only the released model has learnt it."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a recording and its words."""

    start: float
    """Seconds."""
    end: float
    """Seconds."""
    text: str


def transcriber(engine: Engine) -> Writer:
    """Writes down what is said."""
    return lambda samples: stream_transcript(engine, samples)


def translator(engine: Engine) -> Writer:
    """Translates to English. Raises ApiError for a model that hasn't learnt to."""
    prompt = TRANSLATION_PROMPTS.get(engine.layout.kind)
    if prompt is None:
        raise ApiError(
            "this model can't translate; load one that has learnt it, or ask /v1/audio/transcriptions for the words",
            400, "not_supported", "model",
        )  # fmt: skip

    def write(samples: Samples) -> Iterator[str]:
        events = Session(engine, prompt).stream(samples, text_only=True)
        return (event.text for event in events if isinstance(event, TextDelta))

    return write


async def pieces(service: Service, samples: Samples, write: Writer) -> AsyncGenerator[Piece]:
    """The words of a recording, samples [n] at 16 kHz, a stretch of at most 25 s each; errors as `Turns.stream`."""
    service.metrics.heard_seconds.inc(len(samples) / INPUT_SAMPLE_RATE)
    async with events_of(service, lambda: _written(samples, write, service.stopped)) as written:
        async for piece in written:
            if piece is not None:
                yield piece


def _written(samples: Samples, write: Writer, stopped: threading.Event) -> Iterator[Piece | None]:
    """The pieces, and None after every part of one, so that other answers have their turn meanwhile."""
    at = 0
    for stretch in stretches(samples, PIECE_SECONDS):
        if stopped.is_set():
            raise StoppingError("the server stopped before the recording was written down; ask again later")
        end = at + len(stretch)
        text = ""
        for part in write(stretch):
            text += part
            yield None
        yield Piece(at / INPUT_SAMPLE_RATE, end / INPUT_SAMPLE_RATE, text.strip())
        at = end


def joined(found: list[Piece]) -> str:
    """All words."""
    return " ".join(piece.text for piece in found if piece.text)


def segments(found: list[Piece]) -> list[dict[str, Any]]:
    """The pieces that hold words as OpenAI's segments. Only what is known is told: no probabilities, no tokens."""
    spoken = [piece for piece in found if piece.text]
    return [
        {"id": number, "start": round(piece.start, 3), "end": round(piece.end, 3), "text": piece.text}
        for number, piece in enumerate(spoken)
    ]


def usage(samples: Samples) -> dict[str, Any]:
    """OpenAI's `usage` by duration."""
    return {"type": "duration", "seconds": round(len(samples) / INPUT_SAMPLE_RATE, 3)}


async def deltas(found: AsyncGenerator[Piece], samples: Samples) -> AsyncGenerator[dict[str, Any]]:
    """OpenAI's events of a transcription that is streamed."""
    text = ""
    async with aclosing(found) as taken:
        async for piece in taken:
            if piece.text:
                delta = f" {piece.text}" if text else piece.text
                text += delta
                yield {"type": "transcript.text.delta", "delta": delta}
    yield {"type": "transcript.text.done", "text": text, "usage": usage(samples)}
