"""What Stepwave's own page needs beside OpenAI's interface."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from stepwave.serving.service import Service

router = APIRouter(prefix="/v1/stepwave", tags=["stepwave"])


@router.get("/voices")
async def voices(request: Request) -> dict[str, Any]:
    """The stored voices, the model's own first."""
    service: Service = request.app.state.service
    own = service.talker.engine.voices.default
    names = sorted(service.talker.voices, key=lambda name: (name != own, name))
    return {"voices": [{"name": name, "default": name == own} for name in names]}
