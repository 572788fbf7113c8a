"""`/v1/chat/completions`: a conversation in text and sound is gone on with."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Request
from fastapi.openapi.models import Example
from fastapi.responses import JSONResponse, Response

from stepwave.serving.http.answering import streamed_events
from stepwave.serving.http.chat_answer import Answer, chunks, completion
from stepwave.serving.http.chat_history import history
from stepwave.serving.http.chat_request import ChatRequest
from stepwave.serving.http.kept_answers import KeptAnswers
from stepwave.serving.http.models_route import check_model
from stepwave.serving.http.sound_formats import sound_format
from stepwave.serving.service import Service
from stepwave.serving.voices import voice_named

router: Final = APIRouter(prefix="/v1/chat", tags=["chat"])
_QUESTION: Final = {"role": "user", "content": "Name three rivers."}
_EXAMPLES: Final[dict[str, Example]] = {
    "text": {"summary": "In writing", "value": {"model": "nano", "messages": [_QUESTION]}},
    "spoken": {
        "summary": "A spoken answer",
        "value": {
            "model": "nano",
            "messages": [_QUESTION],
            "modalities": ["text", "audio"],
            "audio": {"voice": "default", "format": "wav"},
        },
    },
    "recording": {
        "summary": "A recorded question, its spoken answer streamed",
        "value": {
            "model": "nano",
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg...", "format": "wav"}}],
                }
            ],
            "modalities": ["text", "audio"],
            "audio": {"voice": "default", "format": "pcm16"},
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    },
}
_ANSWER: Final[dict[str, Any]] = {
    "id": "chatcmpl_4f...",
    "object": "chat.completion",
    "created": 1760000000,
    "model": "nano",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "The Nile, the Rhine and the Ganges.", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 21, "completion_tokens": 11, "total_tokens": 32},
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The answer; with `stream` as server-sent events of `chat.completion.chunk`s.",
        "content": {"application/json": {"example": _ANSWER}, "text/event-stream": {}},
    }
}


@router.post("/completions", response_class=Response, responses=_RESPONSES)
async def chat_completions(
    request: Request, asked: Annotated[ChatRequest, Body(openapi_examples=_EXAMPLES)]
) -> Response:
    """Answer the last message."""
    service: Service = request.app.state.service
    kept: KeptAnswers = request.app.state.kept_answers
    check_model(service, asked.model)
    voice = None
    if asked.audio is not None:
        sound_format(asked.audio.format)
        voice = await voice_named(service, asked.audio.voice)
    told = await asyncio.to_thread(history, asked, service.talker, kept)
    answer = Answer(told, asked, voice, service)
    if asked.stream:
        return await streamed_events(chunks(service, answer, asked, kept), done=True)
    return JSONResponse(await completion(service, answer, asked, kept))
