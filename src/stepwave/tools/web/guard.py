"""A transport for httpx that connects only where it may, and within bounds of time and bytes.

Everything that passes a socket passes here: looking up names, connecting, TLS, headers, bodies. So a server that sends
its headers or its body drop by drop, or without end, is cut off like any other. Imported with the first request.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any, Final

import httpcore
import httpx

from stepwave.facts.errors import ToolError
from stepwave.tools.web.addresses import is_public, may_be_public, resolve

OVERHEAD: Final = 256 * 1024
"""Bytes that headers and framing may take beside the bodies of an exchange."""


class Budget:
    """What an exchange may still take, redirects included."""

    def __init__(self, seconds: float, size: int) -> None:
        self._end, self._bytes = time.monotonic() + seconds, size + OVERHEAD

    def seconds(self) -> float:
        """What is left of the time, above 0. Raises httpcore.ReadTimeout where nothing is."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the exchange took too long")
        return left

    def take(self, count: int) -> None:
        """Count bytes that came in. Raises ToolError where they are too many."""
        self._bytes -= count
        if self._bytes < 0:
            raise ToolError("the service sent more than is read")


def place_of(url: httpx.URL) -> tuple[str, int]:
    """Host and port, in the form of `read_allowed`; the port 0 where nobody knows."""
    port = url.port or {"https": 443, "http": 80}.get(url.scheme, 0)
    return url.raw_host.decode("ascii").rstrip(".").lower(), port


def not_public(host: str) -> ToolError:
    """What is told of a host that must not be connected to."""
    return ToolError(f"could not reach {host[:60]}: it is not a public address, and nobody allowed it")


class GuardedTransport(httpx.BaseTransport):
    """Sends requests, without cookies and over connections that are not kept.

    Args:
        budget: bounds of the exchange.
        allowed: hosts and ports to which requests may go wherever they lie.
        proxy: an HTTP proxy through which all but those go. It resolves names by itself, so that only numbers and
            names that are plainly not public can be refused.

    Raises, when a request is sent, ToolError for an address that is not allowed, and httpcore's exceptions.
    """

    def __init__(self, budget: Budget, allowed: Collection[tuple[str, int]], proxy: httpx.URL | None = None) -> None:
        self._budget, self._allowed, self._proxy = budget, allowed, proxy
        self._pools: list[httpcore.ConnectionPool] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request that has no body, and return the answer with its body still to come."""
        url = request.url
        certificates = _certificates() if url.scheme == "https" else None
        pool = self._proxied(url, certificates) or httpcore.ConnectionPool(
            certificates, network_backend=_Backend(self._budget, self._allowed)
        )
        self._pools.append(pool)
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        answer = pool.handle_request(httpcore.Request(request.method, target, headers=request.headers.raw))
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def _proxied(self, url: httpx.URL, certificates: ssl.SSLContext | None) -> httpcore.ConnectionPool | None:
        """The way through the proxy; None where there is none, or the host is allowed by name."""
        proxy, host = self._proxy, url.raw_host.decode("ascii")
        if proxy is None or place_of(url) in self._allowed:
            return None
        if not may_be_public(host):
            raise not_public(host)
        return httpcore.HTTPProxy(
            httpcore.URL(scheme=proxy.raw_scheme, host=proxy.raw_host, port=proxy.port, target=b"/"),
            proxy_auth=(proxy.username, proxy.password) if proxy.userinfo else None,
            ssl_context=certificates,
            network_backend=_Backend(self._budget, [place_of(proxy)]),
        )

    def close(self) -> None:
        """Close what is still open."""
        for pool in self._pools:
            pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Backend(httpcore.NetworkBackend):
    """Resolves a name, judges its addresses, and connects to the first of them that may be reached and can be."""

    def __init__(self, budget: Budget, allowed: Collection[tuple[str, int]]) -> None:
        self._budget, self._allowed, self._plain = budget, allowed, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        name = host.rstrip(".").lower()
        try:
            addresses = resolve(host, port, self._budget.seconds())
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from None
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from None
        if (name, port) not in self._allowed:
            addresses = [address for address in addresses if is_public(address)]
            if not addresses:
                raise not_public(name)
        for number, address in enumerate(addresses):
            # Where one of several is dead, the others are still tried.
            seconds = self._budget.seconds() / (len(addresses) - number)
            try:
                return _Stream(
                    self._plain.connect_tcp(address, port, seconds, local_address, socket_options), self._budget
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses) - 1:
                    raise
        raise httpcore.ConnectError(f"{name} has no address")


class _Stream(httpcore.NetworkStream):
    """A connection whose waiting and reading are charged to the budget; the caller's own time limits are not used."""

    def __init__(self, inner: httpcore.NetworkStream, budget: Budget) -> None:
        self._inner, self._budget = inner, budget

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, self._budget.seconds())
        self._budget.take(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._budget.seconds())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, self._budget.seconds()), self._budget)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


@cache
def _certificates() -> ssl.SSLContext:
    """Reading the certificates takes longer than many a request, so they are read once."""
    return httpx.create_ssl_context()
