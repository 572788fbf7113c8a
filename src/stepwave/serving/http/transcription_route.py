"""`/v1/audio/transcriptions` and `/v1/audio/translations`: a recording's words, in its language or in English."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from stepwave.dialogue.listening import hear
from stepwave.facts.errors import AudioError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.serving.errors import ApiError
from stepwave.serving.http.answering import streamed_events
from stepwave.serving.http.models_route import check_model
from stepwave.serving.http.transcription_answer import (
    Writer,
    deltas,
    joined,
    pieces,
    segments,
    transcriber,
    translator,
    usage,
)
from stepwave.serving.http.transcription_request import TranscriptionForm, TranslationForm, details
from stepwave.serving.service import Service
from stepwave.signal.files import MAX_SECONDS
from stepwave.signal.resample import Samples

router: Final = APIRouter(prefix="/v1/audio", tags=["audio"])
_EXAMPLES: Final = {
    "json": {"value": {"text": "Name three rivers.", "usage": {"type": "duration", "seconds": 1.94}}},
    "verbose_json": {
        "value": {
            "task": "transcribe",
            "language": "en",
            "duration": 1.94,
            "text": "Name three rivers.",
            "segments": [{"id": 0, "start": 0.0, "end": 1.94, "text": "Name three rivers."}],
            "usage": {"type": "duration", "seconds": 1.94},
        }
    },
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The words, in the form that `response_format` names; with `stream` as server-sent events.",
        "content": {
            "application/json": {"examples": _EXAMPLES},
            "text/plain": {"example": "Name three rivers."},
            "text/event-stream": {},
        },
    }
}


@router.post("/transcriptions", response_class=Response, responses=_RESPONSES)
async def transcriptions(request: Request, form: Annotated[TranscriptionForm, Form()]) -> Response:
    """Write down what is said."""
    service: Service = request.app.state.service
    check_model(service, form.model)
    samples = await _heard(form)
    write = transcriber(service.talker.engine)
    if form.stream:
        return await streamed_events(deltas(pieces(service, samples, write), samples))
    return await _whole(service, form, samples, write)


@router.post("/translations", response_class=Response, responses=_RESPONSES)
async def translations(request: Request, form: Annotated[TranslationForm, Form()]) -> Response:
    """Translate what is said to English; an error for a model that can't."""
    service: Service = request.app.state.service
    check_model(service, form.model)
    write = translator(service.talker.engine)
    return await _whole(service, form, await _heard(form), write)


async def _heard(form: TranslationForm) -> Samples:
    file = await form.file.read()
    try:
        return await asyncio.to_thread(hear, file, MAX_SECONDS)
    except AudioError as error:
        raise ApiError(f"file: {error}", 400, "invalid_audio", "file") from error


async def _whole(service: Service, form: TranslationForm, samples: Samples, write: Writer) -> Response:
    found = [piece async for piece in pieces(service, samples, write)]
    text = joined(found)
    if form.response_format == "text":
        return PlainTextResponse(text)
    answer: dict[str, Any] = {"text": text, "usage": usage(samples)}
    if form.response_format == "verbose_json":
        seconds = round(len(samples) / INPUT_SAMPLE_RATE, 3)
        answer = {**details(form), "duration": seconds, **answer, "segments": segments(found)}
    return JSONResponse(answer)
