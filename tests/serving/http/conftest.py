"""What a client of the HTTP interface has at hand: a recorded question, and a model whose answers never end."""

from __future__ import annotations

import base64
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stepwave.facts.events import Event, TextDelta

QUESTION = Path(__file__).resolve().parents[3] / "examples" / "question.wav"
WAITING_SECONDS = 60


@pytest.fixture(scope="session")
def question_file() -> bytes:
    return QUESTION.read_bytes()


@pytest.fixture(scope="session")
def recorded(question_file: bytes) -> list[dict[str, Any]]:
    """Messages that ask the recorded question."""
    data = base64.b64encode(question_file).decode()
    return [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]}]


class Endless:
    """An answer that goes on until nobody wants it any more, and tells when that is."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Event]:
        try:
            for number in itertools.count():
                yield TextDelta(f"{number} ")
        finally:
            self.closed.set()
