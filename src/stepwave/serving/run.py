"""Runs a server until it is told to stop, and stops it so that answers under way finish."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from stepwave.serving.app import build_app
from stepwave.serving.listening import TellingServer
from stepwave.serving.memory import keep_what_is_there
from stepwave.serving.realtime.registry import Registry
from stepwave.serving.service import Service

_GRACE_SECONDS = 5
_POLL_SECONDS = 0.05


async def serve(service: Service, listening: socket.socket, started: Callable[[], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; a second Ctrl-C ends answers too. `started` is called when clients may come.

    The process is taken to do nothing else (`keep_what_is_there`).
    """
    settling = asyncio.create_task(_settle(service))
    try:
        await build_server(service, started).serve(sockets=[listening])
    finally:
        settling.cancel()
        service.turns.close()
        service.libraries.close()


async def _settle(service: Service) -> None:
    await service.ready.wait()
    keep_what_is_there()


def build_server(service: Service, started: Callable[[], None] | None = None) -> StoppableServer:
    """The server of `service`, not yet running; `started` is called when clients may come."""
    app = build_app(service)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        limit_concurrency=service.config.most_connections,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=30,
        ws="websockets-sansio",
        ws_max_size=service.config.most_message_bytes,
        ws_per_message_deflate=False,
    )
    return StoppableServer(config, service, app.state.registry, started)


class StoppableServer(TellingServer):
    """Uvicorn, which stops when the answers under way are told, or `drain_seconds` are over."""

    def __init__(
        self,
        config: uvicorn.Config,
        service: Service,
        registry: Registry,
        started: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(config, started)
        self._service = service
        self._registry = registry
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then tell so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came."""
        self.stop(at_once=sig == signal.SIGINT and self._service.stopping.is_set())

    def stop(self, at_once: bool = False) -> None:
        """Stop, from any thread: when answers are told, or `at_once`."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop, at_once)
        else:
            self.should_exit = True

    def _stop(self, at_once: bool) -> None:
        if at_once:
            self._service.stopped.set()
            self.should_exit = True
        elif self._draining is None:
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        service = self._service
        service.stopping.set()
        try:
            async with asyncio.timeout(service.config.drain_seconds):
                while service.turns.count or service.tools.busy or self._registry.answering:
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            service.stopped.set()
        # By itself uvicorn would break connections off before the last events are sent.
        await self._registry.close()
        self.should_exit = True
