"""Servers that really run, in a thread of this process, on a free port; and models that say what a test wants."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from openai import AsyncOpenAI, OpenAI

from stepwave.dialogue.loading import load
from stepwave.dialogue.stepwave import Stepwave
from stepwave.serving.config import ServerConfig
from stepwave.serving.listening import listen
from stepwave.serving.run import StoppableServer, build_server
from stepwave.serving.server_tools import ServerTools
from stepwave.serving.service import Service
from stepwave.serving.turns import Turns
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples
from stepwave.tools.voices.offered import OfferedVoices

TOKEN = "a token for tests"
STARTING_SECONDS = 60


@dataclass
class Running:
    """A server under way."""

    service: Service
    server: StoppableServer
    port: int
    thread: threading.Thread

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def client(self) -> OpenAI:
        """The official client; it tries nothing twice."""
        return OpenAI(base_url=f"http://{self.address}/v1", api_key=TOKEN, max_retries=0)

    @property
    def async_client(self) -> AsyncOpenAI:
        return AsyncOpenAI(base_url=f"http://{self.address}/v1", api_key=TOKEN, max_retries=0)


Serve = Callable[..., AbstractContextManager[Running]]


@contextmanager
def running(
    talker: Stepwave,
    turns: Turns | None = None,
    tools: ServerTools | None = None,
    libraries: OfferedVoices | None = None,
    **bounds: object,
) -> Iterator[Running]:
    """A server for `talker`, whose answers are made in `turns`; `bounds` are settings of its `ServerConfig`."""
    config = replace(ServerConfig(token=TOKEN, port=0), **bounds)
    listening = listen(config)
    service = Service(talker, config, turns or Turns(), tools or ServerTools(), libraries or OfferedVoices())
    started = threading.Event()
    server = build_server(service, started.set)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    try:
        assert started.wait(STARTING_SECONDS)
        asyncio.run(_ready(service))
        yield Running(service, server, listening.getsockname()[1], thread)
    finally:
        server.stop()
        thread.join(STARTING_SECONDS)
        service.turns.close()
        service.libraries.close()
        listening.close()
        assert not thread.is_alive()


async def _ready(service: Service) -> None:
    async with asyncio.timeout(STARTING_SECONDS):
        while not service.ready.is_set():
            await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def tiny_talker(tiny_nano: Path) -> Stepwave:
    return load(str(tiny_nano))


@pytest.fixture(scope="session")
def server(tiny_talker: Stepwave) -> Iterator[Running]:
    """One for all tests that change nothing about it."""
    with running(tiny_talker) as one:
        yield one


@pytest.fixture(scope="session")
def spoken_question() -> Samples:
    """A real question, samples [n] at 24 kHz."""
    path = Path(__file__).resolve().parents[2] / "examples" / "question.wav"
    return read_audio(path, sample_rate=24_000).samples


def pcm16(samples: Samples) -> bytes:
    """As the wire has it."""
    return (np.clip(samples, -1, 32767 / 32768) * 32768).round().astype("<i2").tobytes()
