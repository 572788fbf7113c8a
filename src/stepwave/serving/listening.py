"""The socket that a server listens on, and a server that tells when it does."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from stepwave.facts.errors import ConfigError
from stepwave.serving.config import ServerConfig


def listen(config: ServerConfig) -> socket.socket:
    """The socket to serve on. Raises ConfigError where the address can't be had."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=1024)
    except OSError as error:
        raise ConfigError(
            f"can't listen on {config.host}, port {config.port} ({error.strerror or error}); "
            "give another --port, or --port 0 for any free one"
        ) from None


class TellingServer(uvicorn.Server):
    """Uvicorn, which calls `started` when clients may come."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then tell so."""
        await super().startup(sockets)
        if self._started is not None and not self.should_exit:
            self._started()
