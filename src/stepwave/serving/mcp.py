"""Our tools over MCP's streamable HTTP, for clients on this machine that show the token. No model takes part."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import uvicorn
from mcp.server import Server
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from stepwave.serving.access import check_access
from stepwave.serving.config import ServerConfig
from stepwave.serving.errors import ApiError
from stepwave.serving.listening import TellingServer

PATH: Final = "/mcp"
_GRACE_SECONDS: Final = 3
_MOST_REQUEST_BYTES: Final = 1024 * 1024


async def serve_mcp(
    server: Server[Any], config: ServerConfig, listening: socket.socket, started: Callable[[], None]
) -> None:
    """Serve until SIGINT or SIGTERM; `started` is called when clients may come."""
    settings = uvicorn.Config(
        build_app(server, config),
        log_config=None,
        access_log=False,
        limit_concurrency=config.most_connections,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    await _Server(settings, started).serve(sockets=[listening])


class _Server(TellingServer):
    """Takes a signal for a wish to stop that is then fulfilled."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit, self.should_exit = self.should_exit, True


def build_app(server: Server[Any], config: ServerConfig) -> ASGIApp:
    """The application, whose clients pass `serving.access` first."""
    # Without sessions and streams of its own, as tools neither remember a client nor tell it anything unasked.
    inner = server.streamable_http_app(
        streamable_http_path=PATH,
        json_response=True,
        stateless_http=True,
        max_request_body_size=_MOST_REQUEST_BYTES,
        host=config.host,
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                check_access(HTTPConnection(scope), config)
            except ApiError as error:
                await JSONResponse({"error": error.body()}, error.status)(scope, receive, send)
                return
        await inner(scope, receive, send)

    return app
