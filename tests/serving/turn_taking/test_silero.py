"""Silero frame by frame: the same numbers as over a whole recording, and plain words where it is not installed."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
from turn_measures import clips

from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.serving.turn_taking import silero
from stepwave.serving.turn_taking.silero import SileroStream
from stepwave.signal.silero import FRAME

pytest.importorskip("onnxruntime")


@pytest.fixture
def unopened() -> Iterator[None]:
    """As if no network had been opened in this process."""
    silero._network.cache_clear()
    yield
    silero._network.cache_clear()


def test_frames_of_speech_are_told_from_silence_and_reset_forgets() -> None:
    pytest.importorskip("silero_vad")
    samples = clips("tune")[0].samples
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    stream = SileroStream()
    silence = stream.probability(np.zeros(FRAME, np.float32))
    stream.reset()
    first = [stream.probability(frame) for frame in frames]
    assert silence < 0.1
    assert np.mean(np.array(first) > 0.5) > 0.7
    stream.reset()
    assert [stream.probability(frame) for frame in frames] == first


@pytest.mark.usefixtures("unopened")
def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"silero_vad.*stepwave\[serve\]"):
        SileroStream()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match="onnxruntime"):
        SileroStream()


@pytest.mark.usefixtures("unopened")
def test_a_package_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("silero_vad")
    monkeypatch.setattr("stepwave.signal.silero.MODEL", "silero_vad_of_another_year.onnx")
    with pytest.raises(ConfigError, match=r"silero-vad>=6.2.2"):
        SileroStream()
