"""The application: routes, the guard at the door, errors in one form, and what happens at start and stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from stepwave import __version__
from stepwave.facts.errors import StepwaveError
from stepwave.serving.access import check_access
from stepwave.serving.errors import ApiError, api_error
from stepwave.serving.extras import router as extras_router
from stepwave.serving.http.routes import add_http
from stepwave.serving.metrics import CONTENT_TYPE
from stepwave.serving.page.page import router as page_router
from stepwave.serving.realtime.registry import Registry
from stepwave.serving.realtime.route import router as realtime_router
from stepwave.serving.service import Service

_LOG = logging.getLogger(__name__)
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/docs", "/openapi.json"})
"""What tells nothing of anyone and needs no token; neither do the page's own files."""


def build_app(service: Service) -> FastAPI:
    """The server's application. Whoever runs it calls `service.turns.close` afterwards."""
    app = FastAPI(
        title="Stepwave",
        version=__version__,
        description="A model that hears and speaks, by OpenAI's HTTP and Realtime protocols.",
        lifespan=_lifespan,
        redoc_url=None,
    )
    app.state.service = service
    app.state.registry = Registry(service)
    app.include_router(realtime_router)
    app.include_router(extras_router)
    app.include_router(page_router)
    add_http(app, service)  # before the guard, which so stands outside of its door
    app.middleware("http")(_guard)
    app.add_exception_handler(Exception, _tell)
    app.add_exception_handler(StepwaveError, _tell)
    app.add_exception_handler(HTTPException, _tell_http)
    app.add_exception_handler(RequestValidationError, _tell_invalid)

    @app.get("/healthz", tags=["state"], response_class=PlainTextResponse)
    async def healthz() -> str:
        """Whether the process is alive."""
        return "ok"

    @app.get("/readyz", tags=["state"], response_class=PlainTextResponse)
    async def readyz() -> PlainTextResponse:
        """Whether the model is loaded and new questions are taken."""
        if service.stopping.is_set():
            return PlainTextResponse("stopping", 503)
        return PlainTextResponse("ready") if service.ready.is_set() else PlainTextResponse("loading", 503)

    @app.get("/metrics", tags=["state"])
    async def metrics() -> Response:
        """Figures for Prometheus."""
        service.metrics.waiting.set(service.turns.count)
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    warming = asyncio.create_task(_warm(service))
    try:
        yield
    finally:
        warming.cancel()
        await app.state.registry.close()


async def _warm(service: Service) -> None:
    """Load what the first answer needs before anyone waits for it."""
    try:
        await service.turns.call(service.talker.warm)
    except Exception:
        _LOG.exception("the model could not be loaded; the server stays not ready")
        return
    service.ready.set()


async def _guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    service: Service = request.app.state.service
    try:
        if request.url.path not in OPEN_PATHS and not is_page(request.url.path):
            check_access(request, service.config)
        answer = await go_on(request)
    except ApiError as error:
        answer = _json(error)
    route = getattr(request.scope.get("route"), "path", "unknown")
    service.metrics.requests.labels(route, str(answer.status_code)).inc()
    return answer


def is_page(path: str) -> bool:
    """Whether the path is that of the page or one of its files."""
    return path == "/" or path.startswith("/page/")


async def _tell(request: Request, error: Exception) -> Response:
    told = api_error(error)
    if told.status >= 500 and told.retry_after is None:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    request.app.state.service.metrics.errors.labels(told.code or "none").inc()
    return _json(told)


async def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}; /docs lists what there is"
    return _json(ApiError(message, error.status_code, "not_found" if error.status_code == 404 else None))


async def _tell_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return _json(ApiError(f"{place}: {first['msg']}; /docs tells what is wanted", 400, "invalid_value", place))


def _json(error: ApiError) -> JSONResponse:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else None
    return JSONResponse({"error": error.body()}, error.status, headers)
