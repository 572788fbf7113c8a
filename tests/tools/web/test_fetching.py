"""Requests against real servers on this computer: what is refused, what is cut off, what is told."""

import gzip
import itertools
import socket
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import httpcore
import pytest

from stepwave.facts.errors import ConfigError, ToolError
from stepwave.tools.web.fetching import USER_AGENT, Limits, fetch, fetch_json

Serve = Callable[..., Any]
QUICK = Limits(seconds=0.3)


def test_an_allowed_server_is_asked_and_nothing_more_is_told_to_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    server = serve(lambda asked: asked.answer(b'{"a": 1}', Set_Cookie="id=1"))
    for _ in range(2):
        assert fetch_json(f"{server.address}/x", {"q": "two words&"}, allow=[server.place]) == {"a": 1}
    asked = server.asked[1]
    assert asked.path == "/x?q=two+words%26"
    assert asked.headers == {
        "host": server.place,
        "user-agent": USER_AGENT,
        "accept-encoding": "gzip",
        "connection": "close",
    }


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.0.0.1", "017700000001", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"],
)
def test_this_computer_is_refused_in_every_form(serve: Serve, host: str) -> None:
    server = serve(lambda asked: asked.answer(b"secret"))
    port = server.place.split(":")[1]
    with pytest.raises(ToolError, match="only asked over https"):
        fetch(f"http://{host}:{port}/")
    with pytest.raises(ToolError, match="not a public address, and nobody allowed it"):
        fetch(f"https://{host}:{port}/")
    with pytest.raises(ToolError, match="not a public address"):
        fetch(f"https://{host}:{port}/", allow=["127.0.0.1:1", f"example.org:{port}"])
    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("ftp://example.org/", "addresses that begin with 'ftp' are not asked"),
        ("file:///etc/passwd", "addresses that begin with 'file' are not asked"),
        ("/etc/passwd", "addresses that begin with '' are not asked"),
        ("https:///x", "addresses that begin with 'https' are not asked"),
        ("http://example.org/", "example.org is only asked over https"),
        ("https://user:word@example.org/", "not asked with a name and a password"),
        ("https://[fe80::1]/", "could not reach fe80::1: it is not a public address"),
    ],
)
def test_addresses_that_are_not_asked(address: str, told: str) -> None:
    with pytest.raises(ToolError) as raised:
        fetch(address)
    assert told in str(raised.value)


def test_a_name_is_resolved_once_and_its_judged_address_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["10.0.0.8", "93.184.216.34"], ["127.0.0.1"]])
    connected: list[str] = []

    def getaddrinfo(host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(answers)]

    def connect_tcp(self: object, host: str, *_: object) -> Any:
        connected.append(host)
        raise httpcore.ConnectError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_tcp)
    with pytest.raises(ToolError) as raised:
        fetch("https://rebind.example/")
    assert connected == ["93.184.216.34"]
    assert str(raised.value) == "could not reach rebind.example"
    with pytest.raises(ToolError, match=r"rebind\.example: it is not a public address"):
        fetch("https://rebind.example/")
    assert connected == ["93.184.216.34"]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_an_unknown_name_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def getaddrinfo(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(ToolError) as raised:
        fetch("https://nowhere.example/")
    assert str(raised.value) == "could not reach nowhere.example"


def test_a_dead_address_does_not_hide_a_living_one(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(lambda asked: asked.answer(b"here"))
    port = server.place.split(":")[1]
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **named: Any) -> list[Any]:
        hosts = ["::1", "127.0.0.1"] if host == "two.example" else [host]
        return [entry for one in hosts for entry in real(one, *arguments, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert fetch(f"http://two.example:{port}/", allow=[f"two.example:{port}"]) == b"here"


def test_redirects_are_followed_and_each_is_judged(serve: Serve) -> None:
    inner = serve(lambda asked: asked.answer(b"inner"))

    def answer(asked: Any) -> None:
        goals = {
            "/a": "/b",
            "/b": f"http://{outer.place}/c",
            "/in": f"https://{inner.place}/",
            "/plain": f"{inner.address}/",
            "/file": "file:///etc/passwd",
            "/loop": "/loop",
            "/bad": "https://example.org:port/",
        }
        goal = goals.get(asked.path)
        asked.answer(b"end") if goal is None else asked.answer(status=302, Location=goal, Set_Cookie="a=b")

    outer = serve(answer)

    def get(path: str) -> bytes:
        return fetch(f"{outer.address}{path}", allow=[outer.place])

    assert get("/a") == b"end"
    assert "cookie" not in outer.asked[-1].headers
    for path, told in {
        "/in": "could not reach 127.0.0.1: it is not a public address",
        "/plain": "127.0.0.1 is only asked over https",
        "/file": "addresses that begin with 'file'",
        "/loop": "127.0.0.1 sent the request elsewhere too often",
        "/bad": "cannot be read",
    }.items():
        with pytest.raises(ToolError, match=told):
            get(path)
    assert inner.asked == []
    assert fetch(f"{outer.address}/plain", allow=[outer.place, inner.place]) == b"inner"
    with pytest.raises(ToolError, match="elsewhere too often"):
        fetch(f"{outer.address}/a", allow=[outer.place], limits=Limits(redirects=1))


def endless(asked: Any) -> None:
    asked.handler.send_response(200)
    asked.handler.end_headers()
    while True:
        asked.handler.wfile.write(bytes(10_000))


def slow_body(asked: Any) -> None:
    asked.handler.send_response(200)
    asked.handler.end_headers()
    while True:
        asked.handler.wfile.write(b"x")
        time.sleep(0.02)


def slow_headers(asked: Any) -> None:
    for letter in itertools.cycle(b"HTTP/1.1 200 OK\r\nX-"):
        asked.handler.wfile.write(bytes([letter]))
        time.sleep(0.02)


def huge_headers(asked: Any) -> None:
    asked.handler.send_response(200)
    for number in range(100_000):
        asked.handler.send_header(f"X-{number}", "x" * 100)
    asked.handler.end_headers()


def endless_packed_nothing(asked: Any) -> None:
    """Valid gzip that never unpacks to a byte."""
    asked.handler.send_response(200)
    asked.handler.send_header("Content-Encoding", "gzip")
    asked.handler.end_headers()
    asked.handler.wfile.write(bytes([31, 139, 8, 0, 0, 0, 0, 0, 0, 255]))
    while True:
        asked.handler.wfile.write(bytes([0, 0, 0, 255, 255]) * 2000)


@pytest.mark.parametrize(
    ("answer", "limits", "told"),
    [
        (endless, Limits(size=100_000), "127.0.0.1 sent more than is read (100,000 bytes)"),
        (endless_packed_nothing, Limits(size=100_000), "the service sent more than is read"),
        (slow_body, QUICK, "127.0.0.1 gave no whole answer within 0.3 s"),
        (slow_headers, QUICK, "127.0.0.1 gave no whole answer within 0.3 s"),
        (lambda asked: time.sleep(0.6), QUICK, "127.0.0.1 gave no whole answer within 0.3 s"),
        (huge_headers, Limits(), "127.0.0.1 gave an answer that cannot be read"),
        (lambda asked: asked.handler.wfile.write(b"hello\r\n\r\n"), Limits(), "answer that cannot be read"),
        (lambda asked: asked.handler.wfile.write(b""), Limits(), "answer that cannot be read"),
        (lambda asked: asked.answer(b"abc", Content_Length="9"), Limits(), "answer that cannot be read"),
        (lambda asked: asked.answer(b"abc", Content_Encoding="gzip"), Limits(), "answer that cannot be read"),
        (lambda asked: asked.answer(b"abc", Content_Encoding="br"), Limits(), "answer that cannot be read"),
        (
            lambda asked: asked.answer(gzip.compress(b"abc")[:-4], Content_Encoding="gzip"),
            Limits(),
            "answer that cannot be read",
        ),
        (lambda asked: asked.answer(b"at 10.0.0.3", 500), Limits(), "127.0.0.1 refused or failed (status 500)"),
        (lambda asked: asked.answer(status=304), Limits(), "refused or failed (status 304)"),
        (lambda asked: asked.answer(status=429), Limits(), "127.0.0.1 is asked too often; try again later"),
    ],
)
def test_bad_answers(serve: Serve, answer: Callable[[Any], None], limits: Limits, told: str) -> None:
    server = serve(answer)
    with pytest.raises(ToolError) as raised:
        fetch(server.address, allow=[server.place], limits=limits)
    assert told in str(raised.value)


def test_a_packed_answer_is_unpacked_within_its_bound(serve: Serve) -> None:
    packed = gzip.compress(bytes(40_000_000))
    server = serve(lambda asked: asked.answer(packed, Content_Encoding="gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(ToolError, match="sent more than is read"):
            fetch(server.address, allow=[server.place])
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    server = serve(lambda asked: asked.answer(gzip.compress(b"x" * 1000), Content_Encoding="gzip"))
    assert fetch(server.address, allow=[server.place], limits=Limits(size=1000)) == b"x" * 1000


def test_a_closed_port_is_told(serve: Serve) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ToolError) as raised:
            fetch(f"http://{place}/", allow=[place])
    assert str(raised.value) == "could not reach 127.0.0.1"


def test_a_server_whose_certificate_nobody_knows_is_not_reached(serve: Serve) -> None:
    server = serve(lambda asked: asked.answer(b"no TLS here"))
    with pytest.raises(ToolError, match=r"could not reach 127\.0\.0\.1"):
        fetch(f"https://{server.place}/", allow=[server.place])


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000, b"\xff"])
def test_what_is_no_json(serve: Serve, body: bytes) -> None:
    server = serve(lambda asked: asked.answer(body))
    with pytest.raises(ToolError, match="answer that cannot be read"):
        fetch_json(server.address, allow=[server.place])


def test_limits_that_allow_nothing_are_refused() -> None:
    for limits in ({"seconds": 0.0}, {"size": 0}, {"redirects": -1}):
        with pytest.raises(ConfigError, match="wanted time and size above 0"):
            Limits(**limits)  # type: ignore[arg-type]


def test_a_proxy_is_used_when_it_is_named(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve(lambda asked: asked.answer(status=403))
    inside = serve(lambda asked: asked.answer(b"inside"))
    monkeypatch.setenv("STEPWAVE_PROXY", f"http://me:word@{proxy.place}")
    with pytest.raises(ToolError) as raised:
        fetch("https://example.org/secret?q=1")
    assert str(raised.value) == "could not reach example.org"
    (asked,) = proxy.asked
    assert asked.path == "example.org:443"
    assert asked.headers["proxy-authorization"] == "Basic bWU6d29yZA=="
    for host in ("127.0.0.1", "2130706433", "[::1]", "localhost", "printer.local", "intranet", "10.0.0.1", proxy.place):
        with pytest.raises(ToolError, match="not a public address"):
            fetch(f"https://{host}/")
    assert fetch(inside.address, allow=[inside.place]) == b"inside"
    assert len(proxy.asked) == 1


@pytest.mark.parametrize("proxy", ["socks5://a:1", "proxy.example:3128", "https://a:1", "http://", "http://a:b"])
def test_a_proxy_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("STEPWAVE_PROXY", proxy)
    with pytest.raises(ConfigError, match="STEPWAVE_PROXY is no address of an HTTP proxy"):
        fetch("https://example.org/")
