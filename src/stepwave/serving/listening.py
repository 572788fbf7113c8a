"""The socket that a server listens on."""

from __future__ import annotations

import socket

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
