"""`/v1/models`: what can be asked, which is one model."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from pydantic import BaseModel

from stepwave.serving.errors import ApiError
from stepwave.serving.service import Service

router: Final = APIRouter(prefix="/v1/models", tags=["models"])


class Model(BaseModel):
    """A model."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str = "stepwave"


class ModelList(BaseModel):
    """All models."""

    object: str = "list"
    data: list[Model]


@router.get("")
async def models(request: Request) -> ModelList:
    """The models of this server."""
    service: Service = request.app.state.service
    return ModelList(data=[Model(id=service.config.model_name)])


@router.get("/{name:path}")
async def model(request: Request, name: str) -> Model:
    """One model, by name."""
    check_model(request.app.state.service, name)
    return Model(id=name)


def check_model(service: Service, name: str) -> None:
    """Raise ApiError unless `name` is that of the server's model."""
    known = service.config.model_name
    if name != known:
        raise ApiError(f"there is no model '{name}' here; ask for '{known}'", 404, "model_not_found", "model")
