"""The endpoint's client: what it sends, where it sends it, and a name and a bound for everything that goes wrong."""

import pickle
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.prepare.writing import writer
from stepwave.prepare.writing.writer import Endpoint, WriterError

PROMPT = "Write exactly 2 turns."
KEY = "sk-never-to-be-stored-1234567890"


def fails(settings: Endpoint) -> WriterError:
    with pytest.raises(WriterError) as caught:
        settings.open().write("system", PROMPT, 7)
    return caught.value


def test_a_request_holds_what_the_protocol_needs_and_nothing_of_the_environment(
    endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-private: secret")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    answer = endpoint.settings().open().write("Be brief.", PROMPT, 7)
    assert '"turns"' in answer
    assert endpoint.requests == [
        {
            "model": "tiny", "seed": 7, "temperature": 0.9, "max_tokens": 2000,
            "response_format": {"type": "json_object"},
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}],
        }
    ]  # fmt: skip
    assert "secret" not in str(endpoint.headers)
    assert set(endpoint.headers[0]) <= {
        "host", "accept", "accept-encoding", "connection", "content-length", "content-type", "user-agent",
        "x-stainless-raw-response",
    }  # fmt: skip


def test_what_some_endpoints_refuse_can_be_left_out(endpoint: Any) -> None:
    endpoint.settings(json_mode=False, answer_tokens=0).open().write("", PROMPT, 0)
    assert not {"response_format", "max_tokens"} & set(endpoint.requests[0])


def test_the_key_goes_into_the_request_and_nowhere_else(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    endpoint.behaviours[:] = ["good", "500"]
    settings = endpoint.settings(key_env="MY_KEY")
    client = settings.open()
    client.write("", PROMPT, 0)
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    with pytest.raises(WriterError, match=r"HTTP 500 no: the key was \[key\]!"):
        client.write("", PROMPT, 0)
    assert KEY not in repr(settings)
    assert KEY.encode() not in pickle.dumps(settings)
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(ConfigError, match="MY_KEY holds no key"):
        settings.open()


@pytest.mark.parametrize(
    ("behaviour", "reason", "again", "reached"),
    [
        ("silent", writer.TIMED_OUT, True, False),
        ("dribble", writer.TIMED_OUT, True, False),
        ("cut off", writer.UNREACHABLE, True, False),
        ("huge", writer.TOO_LARGE, True, True),
        ("500", writer.FAILED, True, False),
        ("429", writer.BUSY, True, False),
        ("503", writer.BUSY, True, False),
        ("400", writer.REFUSED, False, False),
        ("elsewhere", writer.REFUSED, False, False),
        ("no choices", writer.UNREADABLE, True, True),
        ("null", writer.UNREADABLE, True, True),
    ],
)
def test_every_failure_has_a_name(endpoint: Any, behaviour: str, reason: str, again: bool, reached: bool) -> None:
    endpoint.behaviours[:] = [behaviour]
    problem = fails(endpoint.settings(timeout_seconds=0.4 if behaviour in ("silent", "dribble") else 5.0))
    assert (problem.reason, problem.again, problem.reached) == (reason, again, reached)
    assert len(problem.detail) < 500
    assert len(endpoint.requests) == 1


def test_nobody_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    assert fails(Endpoint(url, "tiny")).reason == writer.UNREACHABLE


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_a_wrong_key_or_model_concerns_all_rows(endpoint: Any, status: str) -> None:
    endpoint.behaviours[:] = [status]
    with pytest.raises(ConfigError, match=f"HTTP {status}.*check address, model and key"):
        endpoint.settings().open().write("", PROMPT, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "127.0.0.1:8080"}, "no address"),
        ({"url": "ftp://host/v1"}, "no address"),
        ({"url": "http://me:secret@host/v1"}, "perhaps a secret"),
        ({"url": "https://host/v1?key=secret"}, "perhaps a secret"),
        ({"model": ""}, "no model"),
        ({"timeout_seconds": 0.0}, "not positive"),
        ({"answer_bytes": 0}, "not positive"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Endpoint(**{"url": "http://host/v1", "model": "tiny", **changes})
    assert "secret@" not in str(caught.value)


def test_a_missing_client_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtraError, match=r"stepwave\[prepare\]"):
        Endpoint("http://host/v1", "tiny").open()


def test_importing_the_commands_does_not_import_the_client() -> None:
    import subprocess

    program = "import sys, stepwave.commands.prepare.writing; sys.exit('openai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent).returncode == 0
