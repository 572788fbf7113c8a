"""Which addresses are public, and how those that the user allows are written."""

import socket
import threading

import pytest

from stepwave.facts.errors import ConfigError
from stepwave.tools.web.addresses import is_public, read_allowed, resolve


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.0.3", "10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254", "0.0.0.0", "0.1.2.3",
        "100.64.0.1", "100.127.255.254", "192.0.0.9", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1",
        "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:1.1.1.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1",
        "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%1", "fec0::1",
        "ff02::1",
    ],
)  # fmt: skip
def test_addresses_that_lead_elsewhere(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("127.0.0.1:8888", ("127.0.0.1", 8888)),
        (" Searx.Home.:80", ("searx.home", 80)),
        ("[::1]:8888", ("::1", 8888)),
    ],
)
def test_allowed_places(entry: str, place: tuple[str, int]) -> None:
    assert read_allowed(entry) == place


@pytest.mark.parametrize(
    "entry", ["", "localhost", ":80", "localhost:", "localhost:0", "localhost:65536", "a:b", "a:²"]
)
def test_allowed_places_name_host_and_port(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"wanted a host and a port, such as 127\.0\.0\.1:8888"):
        read_allowed(entry)


@pytest.mark.parametrize("number", ["2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1"])
def test_numbers_in_odd_forms_are_resolved_before_they_are_judged(number: str) -> None:
    assert resolve(number, 80, 10) == ["127.0.0.1"]


def test_a_resolver_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(60))
    with pytest.raises(TimeoutError):
        resolve("slow.example", 443, 0.01)
    release.set()


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "not\0this"])
def test_what_is_no_name_is_not_found(host: str) -> None:
    with pytest.raises(OSError, match="cannot be resolved"):
        resolve(host, 80, 10)
