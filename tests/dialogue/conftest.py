"""The tiny model as an object that talks, and a second of sound to talk to it with."""

from pathlib import Path

import numpy as np
import pytest

import stepwave
from stepwave.dialogue.stepwave import Stepwave
from stepwave.signal.resample import Samples


@pytest.fixture(scope="session")
def talker(tiny_nano: Path) -> Stepwave:
    return stepwave.load(tiny_nano, device="cpu", threads=1)


@pytest.fixture(scope="session")
def question() -> Samples:
    return (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
