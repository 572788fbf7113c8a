"""Which network addresses a tool may connect to: public ones, and those that the user allowed by name.

What a model or a web page names is never trusted: a name is resolved once, and the addresses judged here are the very
ones that are connected to (`guard`), so that a second look-up cannot lead elsewhere.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import Final

from stepwave.facts.errors import ConfigError

_GLOBAL_IPV6: Final = ipaddress.ip_network("2000::/3")
"""All that is handed out of IPv6. Outside lie loopback, link-local, private, multicast, IPv4-mapped and NAT64 ones."""
_HIDDEN: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # addresses that providers share between customers (CGNAT)
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # relays of 6to4
        "2001::/23",  # protocol assignments, Teredo among them, which wraps an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which wraps an IPv4 address
        "3fff::/20",  # documentation
    )
)
"""Networks that lead elsewhere than to a public host, beside those that Python's `is_global` knows."""
_LOCAL: Final = (".localhost", ".local", ".internal", ".home.arpa", ".lan", ".intranet", ".corp")
"""How names end that only a network of one's own knows."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to a host on the public internet."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_IPV6:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _HIDDEN)


def may_be_public(host: str) -> bool:
    """Whether a host that somebody else resolves may be public: no number of another address, no local name."""
    try:
        entries = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        name = f".{host.rstrip('.').lower()}"
        return name.count(".") > 1 and not name.endswith(_LOCAL)
    return all(is_public(str(entry[4][0])) for entry in entries)


def read_allowed(place: str) -> tuple[str, int]:
    """Host and port of an entry such as `127.0.0.1:8888`, `searx.home:8080` or `[::1]:8888`.

    Raises ConfigError for one without a host or a port.
    """
    host, _, port = place.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]").rstrip(".").lower()
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ConfigError(f"got the allowed address {place!r}; wanted a host and a port, such as 127.0.0.1:8888")
    return host, int(port)


def resolve(host: str, port: int, seconds: float) -> list[str]:
    """The IP addresses of a host name; of a number in whatever form the system takes, its usual form.

    Raises OSError for a name that is not known and TimeoutError after `seconds`.
    """
    found: list[str] = []
    failed: list[BaseException] = []

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except BaseException as error:
            failed.append(error)

    # In a thread that may be left behind: the system's resolver takes no time limit.
    thread = threading.Thread(target=look_up, name="resolve", daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise OSError(f"{host} cannot be resolved") from failed[0]
    if thread.is_alive():
        raise TimeoutError(f"{host} was not resolved in time")
    return found
