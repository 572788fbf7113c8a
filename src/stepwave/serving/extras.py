"""What Stepwave's own page needs beside OpenAI's interface."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from stepwave.serving.service import Service
from stepwave.serving.voices import MOST_FOUND, MOST_LISTED, list_voices

router = APIRouter(prefix="/v1/stepwave", tags=["stepwave"])
LONGEST_QUERY: Final = 200
_QUERY: Final = Query(max_length=LONGEST_QUERY, description="What the voice is to be called or be like, in words.")


@router.get(
    "/voices",
    description=f"The voices that can be chosen: the stored ones, the model's own first, then up to {MOST_LISTED} of "
    f"voice libraries; `more` tells whether these have more. With `query` those that fit, up to {MOST_FOUND} of "
    "libraries.",
)
async def voices(request: Request, query: Annotated[str | None, _QUERY] = None) -> dict[str, Any]:
    """The voices that can be chosen."""
    service: Service = request.app.state.service
    return await list_voices(service, query)
