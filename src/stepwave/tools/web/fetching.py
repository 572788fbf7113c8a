"""Getting something from the web for a tool, within bounds. Failures are told in words that the model may repeat.

Only GET. Neither cookies nor connections are kept. The usual proxy variables of the environment are not obeyed, because
a proxy resolves names by itself, so that nobody can judge where a request goes; whoever needs one says so in PROXY.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from stepwave import __version__
from stepwave.facts.errors import ConfigError, MissingExtraError, ToolError
from stepwave.tools.web.addresses import read_allowed

if TYPE_CHECKING:
    import httpx

PROXY: Final = "STEPWAVE_PROXY"
"""The environment variable with the address of an HTTP proxy, such as http://proxy.example:3128."""
USER_AGENT: Final = f"Stepwave/{__version__}"
_REDIRECTS: Final = (301, 302, 303, 307, 308)


def has_httpx() -> bool:
    """Whether requests can be made here; quick, as nothing is imported."""
    return find_spec("httpx") is not None


class StatusError(ToolError):
    """The service answered that it will not or cannot."""

    def __init__(self, host: str, status: int) -> None:
        told = "is asked too often; try again later" if status == 429 else f"refused or failed (status {status})"
        super().__init__(f"{host} {told}")
        self.status = status


@dataclass(frozen=True)
class Limits:
    """Bounds of one exchange, redirects included. Raises ConfigError for one below its least value."""

    seconds: float = 8.0
    """From the first look-up to the last byte; below the 10 s that a `ToolRunner` waits."""
    size: int = 1_000_000
    """Bytes of the body, unpacked."""
    redirects: int = 3
    """How often a service may send us elsewhere."""

    def __post_init__(self) -> None:
        if self.seconds <= 0 or self.size <= 0 or self.redirects < 0:
            raise ConfigError(f"got {self}; wanted time and size above 0 and no fewer than 0 redirects")


def fetch(
    address: str, query: Mapping[str, str] | None = None, *, allow: Collection[str] = (), limits: Limits | None = None
) -> bytes:
    """The body that a service answers with.

    Args:
        address: https, or http where host and port are allowed.
        query: what to add to the address.
        allow: entries `host:port` that may be asked even if they are not public or speak http.
        limits: bounds; those of `Limits` by default.

    Raises ToolError where nothing usable came (StatusError for a status other than 200), ConfigError for a wrong entry
    in `allow` or a wrong proxy, and MissingExtraError where httpx is not installed.
    """
    try:
        import httpcore
        import httpx

        from stepwave.tools.web.guard import Budget, GuardedTransport, place_of
    except ImportError as error:
        raise MissingExtraError("tools", error.name) from None
    limits = limits or Limits()
    allowed = {read_allowed(place) for place in allow}
    url = httpx.URL(address, params=dict(query)) if query else httpx.URL(address)
    with GuardedTransport(Budget(limits.seconds, limits.size), allowed, _proxy()) as transport:
        host = url.host[:60]
        try:
            for _ in range(limits.redirects + 1):
                _check(url, place_of(url) in allowed)
                host = url.host[:60]
                # Of codings gzip alone, because it can be unpacked step by step.
                headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", "Connection": "close"}
                with closing(transport.handle_request(httpx.Request("GET", url, headers=headers))) as response:
                    if response.status_code not in _REDIRECTS or "location" not in response.headers:
                        return _body(response, host, limits.size)
                    url = url.join(response.headers["location"])
        except httpcore.TimeoutException:
            raise ToolError(f"{host} gave no whole answer within {limits.seconds:g} s") from None
        except (httpcore.NetworkError, httpcore.ProxyError) as error:
            raise ToolError(f"could not reach {host}") from error
        except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, httpx.InvalidURL, ValueError) as error:
            raise ToolError(f"{host} gave an answer that cannot be read") from error
    raise ToolError(f"{host} sent the request elsewhere too often")


def fetch_json(
    address: str, query: Mapping[str, str] | None = None, *, allow: Collection[str] = (), limits: Limits | None = None
) -> Any:
    """The JSON value that a service answers with; arguments and errors as in `fetch`."""
    body = fetch(address, query, allow=allow, limits=limits)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ToolError("the service gave an answer that cannot be read") from None


def _proxy() -> httpx.URL | None:
    import httpx

    address = os.environ.get(PROXY, "").strip()
    if not address:
        return None
    try:
        proxy = httpx.URL(address)
    except httpx.InvalidURL:
        proxy = httpx.URL("")
    if proxy.scheme != "http" or not proxy.host:
        raise ConfigError(f"{PROXY} is no address of an HTTP proxy; wanted one such as http://proxy.example:3128")
    return proxy


def _check(url: httpx.URL, allowed: bool) -> None:
    """Raises ToolError for an address that must not be asked, before anything is sent or looked up."""
    host = url.host
    if url.scheme not in ("http", "https") or not host:
        raise ToolError(f"addresses that begin with {url.scheme[:20]!r} are not asked")
    if url.userinfo:
        raise ToolError(f"{host[:60]} is not asked with a name and a password")
    if url.scheme == "http" and not allowed:
        raise ToolError(f"{host[:60]} is only asked over https")


def _body(response: httpx.Response, host: str, size: int) -> bytes:
    """The body, unpacked while it comes in, so that no more than `size` bytes are ever held."""
    if response.status_code != 200:
        raise StatusError(host, response.status_code)
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip"):
        raise ToolError(f"{host} gave an answer that cannot be read")
    packed = zlib.decompressobj(16 + zlib.MAX_WBITS) if coding == "gzip" else None
    body = bytearray()
    for piece in response.iter_raw():
        try:
            body += packed.decompress(piece, size + 1 - len(body)) if packed else piece
        except zlib.error as error:
            raise ToolError(f"{host} gave an answer that cannot be read") from error
        if len(body) > size:
            raise ToolError(f"{host} sent more than is read ({size:,} bytes)")
    if packed and not packed.eof:
        raise ToolError(f"{host} gave an answer that cannot be read")
    return bytes(body)
