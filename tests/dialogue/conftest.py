"""The tiny model as an object that talks, and a second of sound to talk to it with."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import stepwave
from stepwave.dialogue.language import LanguageContext
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.events import Event
from stepwave.signal.resample import Samples


@pytest.fixture(scope="session")
def talker(tiny_nano: Path) -> Stepwave:
    return stepwave.load(tiny_nano, device="cpu", threads=1)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """As `talker` was loaded, whatever tests before have set: with more, sound comes at another place every time."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def question() -> Samples:
    return (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)


@pytest.fixture
def script(talker: Stepwave, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Has every session of the tiny model answer by a script, in place of what its random weights would say.

    Called with the events of each answer in turn; the returned list fills with what the model has read before each.
    All else is real: sessions, prompts, sound.
    """
    context = type(talker.engine.context())

    def scripted(*answers: Iterable[Event]) -> list[str]:
        waiting, read = deque(answers), list[str]()

        def decode(self: LanguageContext, *_: object) -> Iterator[Event]:
            read.append(talker.engine.tokenizer.decode(self.ids))
            yield from waiting.popleft()

        monkeypatch.setattr(context, "decode", decode)
        return read

    return scripted
