"""Who may come in, what may be set, and how much memory there is."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from stepwave.facts.errors import ConfigError
from stepwave.serving.access import check_access
from stepwave.serving.config import ServerConfig
from stepwave.serving.errors import ApiError
from stepwave.serving.listening import listen
from stepwave.serving.memory import Memory, memory_there_is, resident_bytes

TOKEN = "a-token"


def asked(**headers: str) -> HTTPConnection:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": pairs})


@pytest.mark.parametrize(
    ("headers", "refusal"),
    [
        ({"host": "127.0.0.1:8000", "authorization": f"Bearer {TOKEN}"}, None),
        ({"host": "localhost", "authorization": f"bearer  {TOKEN} "}, None),
        ({"host": "[::1]:8000", "authorization": f"Bearer {TOKEN}"}, None),
        ({"host": "localhost", "sec_websocket_protocol": f"realtime, openai-insecure-api-key.{TOKEN}"}, None),
        ({"host": "localhost", "origin": "http://localhost", "authorization": f"Bearer {TOKEN}"}, None),
        ({"host": "localhost"}, "none came"),
        ({"host": "localhost", "authorization": f"Basic {TOKEN}"}, "none came"),
        ({"host": "localhost", "authorization": "Bearer other"}, "a wrong one came"),
        ({"host": "localhost", "authorization": "Bearer ünknown"}, "a wrong one came"),
        ({"host": "evil.example", "authorization": f"Bearer {TOKEN}"}, "asked for as 'evil.example'"),
        ({"authorization": f"Bearer {TOKEN}"}, "asked for as ''"),
        ({"host": "localhost:1", "origin": "http://localhost:2", "authorization": f"Bearer {TOKEN}"}, "may not use"),
        ({"host": "localhost", "origin": "null", "authorization": f"Bearer {TOKEN}"}, "may not use"),
    ],
)
def test_who_may_come_in(headers: dict[str, str], refusal: str | None) -> None:
    config = ServerConfig(token=TOKEN)
    if refusal is None:
        check_access(asked(**headers), config)
    else:
        with pytest.raises(ApiError, match=refusal):
            check_access(asked(**headers), config)


def test_without_a_token_this_machine_may_come_in_and_foreign_pages_still_may_not() -> None:
    check_access(asked(host="localhost"), ServerConfig())
    with pytest.raises(ApiError, match="may not use"):
        check_access(asked(host="localhost", origin="https://evil.example"), ServerConfig())


def test_open_to_the_network_any_name_will_do() -> None:
    config = ServerConfig("0.0.0.0", token=TOKEN)
    check_access(asked(host="speech.example", authorization=f"Bearer {TOKEN}"), config)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"host": "0.0.0.0"}, "a token is needed"),
        ({"host": "speech.example"}, "a token is needed"),
        ({"token": ""}, "token is empty"),
        ({"port": 70_000}, "0 to 65535"),
        ({"most_sessions": 0}, "most_sessions is 0"),
        ({"drain_seconds": -1.0}, "drain_seconds is -1"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], wanted: str) -> None:
    with pytest.raises(ConfigError, match=wanted):
        ServerConfig(**settings)


def test_an_address_that_is_taken_is_told() -> None:
    with listen(ServerConfig(port=0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"can't listen on 127.0.0.1, port {port}"):
            listen(ServerConfig(port=port))


def test_memory_is_full_when_this_process_holds_what_it_may() -> None:
    assert 10**7 < resident_bytes() < memory_there_is()
    assert not Memory(2 * resident_bytes()).full
    assert Memory(resident_bytes() // 2).full
    assert Memory().most == int(0.9 * memory_there_is())
