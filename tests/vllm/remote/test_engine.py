"""Before anything is served: is it vLLM, with the plug-in, and with the model that is here?"""

from __future__ import annotations

import socket
import threading

import pytest

from stepwave.dialogue.engine import LocalEngine
from stepwave.facts.errors import ConfigError, ServiceError, StepwaveError
from stepwave.vllm.remote.engine import connect
from stepwave.vllm.remote.server import Patience, Server

from .simulated import Simulated, fails, simulated, writes


def test_the_only_model_is_taken_and_its_positions(local_engine: LocalEngine, vllm: Simulated) -> None:
    engine = connect(local_engine.layout, f"{vllm.url}/v1/", device="cpu")
    assert (engine.model, engine.positions) == ("tiny", 2048)
    assert engine.context().room == 2048
    assert len(vllm.asked) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (fails(403, "Scale-out endpoints are disabled."), "--enable-scale-out"),
        (fails(404, "Not Found"), "vLLM 0.32 or later"),
        (writes("[DONE]"), "reason None"),
    ],
)
def test_a_server_that_can_not_do_it_is_refused(
    local_engine: LocalEngine, vllm: Simulated, fault: object, message: str
) -> None:
    vllm.faults.append(fault)  # type: ignore[arg-type]
    with pytest.raises(ServiceError, match=message):
        connect(local_engine.layout, vllm.url)


def test_a_server_without_the_pattern_is_refused(local_engine: LocalEngine) -> None:
    with (
        simulated(local_engine, keeps_pattern=False) as served,
        pytest.raises(ServiceError, match="--logits-processors"),
    ):
        connect(local_engine.layout, served.url)


def test_a_wrong_model_is_refused(local_engine: LocalEngine, vllm: Simulated) -> None:
    with pytest.raises(ConfigError, match="has no model 'large'; it has tiny"):
        connect(local_engine.layout, vllm.url, model="large")
    with (
        simulated(local_engine, first_token=3) as served,
        pytest.raises(ConfigError, match=r"is not the model in .* \(their tokens differ\)"),
    ):
        connect(local_engine.layout, served.url)


def test_a_key_is_sent_and_asked_for(local_engine: LocalEngine) -> None:
    with simulated(local_engine, key="secret") as served:
        assert connect(local_engine.layout, served.url, "secret").model == "tiny"
        with pytest.raises(ServiceError, match=r"401: give the key"):
            connect(local_engine.layout, served.url, "wrong")


def test_nobody_there_is_told_so(local_engine: LocalEngine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ServiceError, match="can't be reached"):
        connect(local_engine.layout, f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:8000", "ftp://host", "http://", "http://host:port", "http://a:b@host", "http://host?x", "http://[::"],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"wanted http://HOST:PORT"):
        Server(url)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "broke the connection off"),
        (b"SSH-2.0-OpenSSH\r\n", "broke the connection off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "no JSON object"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "no JSON object"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 1_000_001, "no JSON object of at most 1,000,000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "has the models none"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "sends on to another"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nhelp", r"refused \(500\): Oops"),
    ],
)
def test_what_is_not_vllm_is_told_so(local_engine: LocalEngine, sent: bytes, message: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(sent)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(StepwaveError, match=message):
            connect(local_engine.layout, f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()


def test_patience_must_be_some() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        Patience(silent_seconds=0)
