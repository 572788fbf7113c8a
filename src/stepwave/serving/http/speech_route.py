"""`/v1/audio/speech`: a text read aloud."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Request
from fastapi.openapi.models import Example
from fastapi.responses import Response

from stepwave.serving.http.answering import streamed, streamed_events
from stepwave.serving.http.models_route import check_model
from stepwave.serving.http.sound_formats import FORMATS, sound_format
from stepwave.serving.http.speech_answer import events, file
from stepwave.serving.http.speech_request import SpeechRequest
from stepwave.serving.service import Service
from stepwave.serving.voices import voice_named

router: Final = APIRouter(prefix="/v1/audio", tags=["audio"])
_TEXT: Final = "The river is high today."
_EXAMPLES: Final[dict[str, Example]] = {
    "mp3": {"summary": "A file", "value": {"model": "nano", "input": _TEXT, "voice": "default"}},
    "pcm": {
        "summary": "Samples as they are made",
        "value": {"model": "nano", "input": _TEXT, "voice": "default", "response_format": "pcm"},
    },
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The sound, sent sentence by sentence; with `stream_format` sse as server-sent events.",
        "content": {one.media_type: {} for one in FORMATS.values()} | {"text/event-stream": {}},
    }
}


@router.post("/speech", response_class=Response, responses=_RESPONSES)
async def speech(request: Request, asked: Annotated[SpeechRequest, Body(openapi_examples=_EXAMPLES)]) -> Response:
    """Read a text aloud."""
    service: Service = request.app.state.service
    check_model(service, asked.model)
    name = sound_format(asked.response_format)
    voice = await voice_named(service, asked.voice)
    if asked.stream_format == "sse":
        return await streamed_events(events(service, asked.input, voice, name))
    return await streamed(file(service, asked.input, voice, name), FORMATS[name].media_type)
