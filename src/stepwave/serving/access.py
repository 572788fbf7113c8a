"""Who may come in: clients that show the token, and pages of this server alone.

A browser sends along what other sites make it send. So a request that names an origin must come from a page that this
server served, and on loopback the name that was asked for must be a loopback one: a foreign name that resolves to
127.0.0.1 would otherwise make a foreign page one of ours.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from stepwave.serving.config import ServerConfig
from stepwave.serving.errors import ApiError

TOKEN_PROTOCOL: Final = "openai-insecure-api-key."
"""A browser can't send headers with a WebSocket: OpenAI's clients there offer a subprotocol of this and the token."""


def check_access(connection: HTTPConnection, config: ServerConfig) -> None:
    """Raise ApiError unless the request or WebSocket may come in."""
    _check_site(connection, config)
    if config.token is None:
        return
    shown = list(_tokens(connection))
    if not any(hmac.compare_digest(one.encode(), config.token.encode()) for one in shown):
        came = "a wrong one came" if shown else "none came"
        raise ApiError(
            f"this server wants its token, and {came}; send it as the API key (Authorization: Bearer TOKEN), "
            "the server printed it when it began",
            401,
            "invalid_api_key",
        )


def _tokens(connection: HTTPConnection) -> Iterable[str]:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        yield token.strip()
    for protocol in connection.headers.get("sec-websocket-protocol", "").split(","):
        if protocol.strip().startswith(TOKEN_PROTOCOL):
            yield protocol.strip().removeprefix(TOKEN_PROTOCOL)


def _check_site(connection: HTTPConnection, config: ServerConfig) -> None:
    host = connection.headers.get("host", "")
    if config.loopback and not _is_loopback(urlsplit(f"//{host}").hostname):
        raise ApiError(
            f"asked for as '{host}'; this server answers to 127.0.0.1 and localhost alone", 403, "wrong_host"
        )
    origin = connection.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        raise ApiError(f"a page of {origin} may not use this server; open the server's own page", 403, "wrong_origin")


def _is_loopback(name: str | None) -> bool:
    if name == "localhost":
        return True
    try:
        return name is not None and ip_address(name).is_loopback
    except ValueError:
        return False
