"""The tiny model here, in a stand-in for vLLM, and as an object that talks by way of that."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stepwave.checkpoints.layouts import open_layout
from stepwave.dialogue.engine import LocalEngine
from stepwave.dialogue.stepwave import Stepwave
from stepwave.generation.sampling import SamplingSettings
from stepwave.signal.resample import Samples
from stepwave.vllm.remote.engine import RemoteEngine, connect

from .simulated import Simulated, simulated


def greedy(engine: LocalEngine | RemoteEngine) -> None:
    """Nothing is drawn, so that answers can be compared."""
    engine.profile = replace(engine.profile, text=SamplingSettings(), speech=SamplingSettings())


@pytest.fixture(scope="session")
def local_engine(tiny_nano: Path) -> LocalEngine:
    engine = LocalEngine(open_layout(tiny_nano), "cpu")
    greedy(engine)
    return engine


@pytest.fixture(scope="session")
def one_vllm(local_engine: LocalEngine) -> Iterator[Simulated]:
    with simulated(local_engine) as served:
        yield served


@pytest.fixture
def vllm(one_vllm: Simulated) -> Simulated:
    """The stand-in, as if just started."""
    one_vllm.forget()
    return one_vllm


@pytest.fixture(scope="session")
def remote_engine(tiny_nano: Path, one_vllm: Simulated) -> RemoteEngine:
    engine = connect(open_layout(tiny_nano), one_vllm.url, device="cpu")
    greedy(engine)
    return engine


@pytest.fixture
def talker(vllm: Simulated, remote_engine: RemoteEngine) -> Stepwave:
    return Stepwave(copy.copy(remote_engine))  # the parts are shared, settings are a test's own


@pytest.fixture(scope="session")
def question() -> Samples:
    return (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
