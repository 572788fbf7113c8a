"""Where somebody speaks: the rule on probabilities, by level, by Silero's network."""

import sys
from pathlib import Path

import numpy as np
import pytest
from recorded_material import RATE, babble, silence

from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.prepare.recorded.speech_activity import SpeechActivity, open_detector, stretches_of
from stepwave.signal.files import read_audio
from stepwave.signal.silero import FRAME
from stepwave.signal.voice_activity import Stretch


def found(*probabilities: float, **settings: float) -> list[tuple[int, int]]:
    activity = SpeechActivity(**{"least_pause": 0.064, "least_speech": 0.0, **settings})
    values = np.array(probabilities, np.float32)
    return [(start // FRAME, -(-end // FRAME)) for start, end in stretches_of(values, activity, len(values) * FRAME)]


def test_speech_begins_at_the_threshold_and_ends_under_the_release() -> None:
    assert found(0.1, 0.4, 0.6, 0.4, 0.6, 0.1, 0.1, 0.4, 0.1) == [(2, 5)]
    assert found(0.6, 0.1, 0.6, 0.1, 0.1, 0.1, 0.6, 0.6) == [(0, 3), (6, 8)]
    assert found(0.6, 0.1, 0.4, 0.1) == [(0, 1)]
    assert found(0.6, 0.6, 0.1) == [(0, 2)]
    assert found(0.2, 0.3) == found() == []


def test_clicks_are_no_speech() -> None:
    assert found(0.9, 0.0, 0.0, 0.9, 0.9, 0.9, 0.0, least_speech=0.06) == [(3, 6)]


def test_level_finds_bursts() -> None:
    sound = np.concatenate((silence(1.0), babble(2.0), silence(0.6), babble(1.5, 1), silence(0.4)))
    detector = open_detector(SpeechActivity(by="level"))
    (first, second) = detector(sound)
    assert np.allclose(np.array([*first, *second]) / RATE, [1.0, 3.0, 3.6, 5.1], atol=0.08)
    assert detector(silence(2.0)) == detector(sound[:0]) == []
    assert detector(np.concatenate((silence(1.0), babble(0.04), silence(1.0)))) == []


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="release <= threshold"):
        SpeechActivity(threshold=0.3)
    with pytest.raises(ConfigError, match="wanted 'silero' or 'level'"):
        SpeechActivity(by="ear")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="0 or more"):
        SpeechActivity(least_pause=-0.1)
    with pytest.raises(ConfigError, match="floor_db below 0"):
        SpeechActivity(floor_db=3.0)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="silero_vad"):
        open_detector(SpeechActivity())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match="onnxruntime"):
        open_detector(SpeechActivity())


def test_silero_hears_speech_and_not_noise(shared_data: Path) -> None:
    pytest.importorskip("silero_vad")
    detector = open_detector(SpeechActivity())
    speech = read_audio(shared_data / "fixtures" / "jfk.flac").samples
    noise = (0.1 * np.random.default_rng(0).standard_normal(3 * RATE)).astype(np.float32)
    sound = np.concatenate((noise, 0.5 * speech, noise))
    stretches = detector(sound)
    assert 2.9 < stretches[0].start / RATE < 3.8
    assert 13.0 < stretches[-1].end / RATE < 14.2
    # The speech of 1961 has pauses of more than a tenth of a second, and most of it is speech.
    assert len(stretches) >= 3
    assert 0.55 < sum(end - start for start, end in stretches) / len(speech) < 0.95
    assert detector(noise) == detector(noise[:0]) == []


def test_silero_in_blocks_equals_frame_by_frame(shared_data: Path) -> None:
    silero = pytest.importorskip("silero_vad")
    import torch

    speech = read_audio(shared_data / "fixtures" / "jfk.flac").samples
    sound = np.concatenate((speech, speech))[: 20 * RATE + 100]
    ours = open_detector(SpeechActivity()).probabilities(sound)  # type: ignore[attr-defined]
    network = silero.load_silero_vad(onnx=True)
    padded = np.concatenate((sound, np.zeros(-len(sound) % FRAME, np.float32)))
    theirs = [network(torch.from_numpy(frame), RATE).item() for frame in padded.reshape(-1, FRAME)]
    assert len(ours) == len(theirs) > 600
    assert np.abs(ours - np.array(theirs)).max() < 1e-5


def test_stretches_are_samples() -> None:
    activity = SpeechActivity(least_pause=0.1, least_speech=0.0)
    assert stretches_of(np.ones(3, np.float32), activity, 1_500) == [Stretch(0, 1_500)]
