import importlib.util
from pathlib import Path

import numpy as np
import pytest

from stepwave.evaluation.scoring import sound_quality
from stepwave.evaluation.scoring.sound_quality import MeanOpinion, dnsmos, intelligibility
from stepwave.facts.errors import MissingExtraError
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples


@pytest.fixture(scope="module")
def speech(shared_data: Path) -> Samples:
    return read_audio(shared_data / "ljspeech-32" / "LJ001-0001.flac", sample_rate=16_000).samples


@pytest.fixture(scope="module")
def opinion(speech: Samples) -> MeanOpinion:
    return dnsmos(speech)


def noisy(speech: Samples, decibels: float) -> Samples:
    noise = np.random.default_rng(0).standard_normal(len(speech))
    level = np.sqrt(np.mean(speech**2) * 10 ** (-decibels / 10))
    return (speech + level * noise).astype(np.float32)


def test_noise_lowers_the_opinion(speech: Samples, opinion: MeanOpinion) -> None:
    some, much = dnsmos(noisy(speech, 20)), dnsmos(noisy(speech, 5))
    assert opinion.overall > some.overall > much.overall
    assert opinion.background > some.background > much.background
    assert 1 <= much.overall < opinion.overall <= 5


def test_the_opinion_is_what_the_package_itself_gives(opinion: MeanOpinion) -> None:
    # speechmos.dnsmos.run, which wants librosa beside it, on the same samples.
    assert opinion.overall == pytest.approx(3.3337, abs=0.01)
    assert opinion.signal == pytest.approx(3.6222, abs=0.01)
    assert opinion.background == pytest.approx(4.0366, abs=0.01)


def test_any_length_and_loudness_is_scored(speech: Samples, opinion: MeanOpinion) -> None:
    longer = np.concatenate([speech, speech[:32_000]])
    assert dnsmos(longer).overall == pytest.approx(opinion.overall, abs=0.5)
    assert 1 < dnsmos(100 * speech[:75_000]).overall < 5


def test_what_cannot_be_scored_says_so() -> None:
    with pytest.raises(ValueError, match="empty"):
        dnsmos(np.zeros(0, np.float32))
    with pytest.raises(ValueError, match="ten minutes"):
        dnsmos(np.zeros(600 * 16_000 + 1, np.float32))


def test_noise_lowers_intelligibility(speech: Samples) -> None:
    for extended in (False, True):
        clean, some, much = (
            intelligibility(speech, sound, extended=extended)
            for sound in (speech, noisy(speech, 10), noisy(speech, -5))
        )
        assert clean == pytest.approx(1, abs=1e-6)
        assert clean > some > much


def test_intelligibility_needs_speech(speech: Samples) -> None:
    with pytest.raises(ValueError, match="silent"):
        intelligibility(np.zeros(16_000, np.float32), speech)
    with pytest.raises(ValueError, match="silent or one of the sounds is empty"):
        intelligibility(speech, speech[:0])
    with pytest.raises(ValueError, match="finds nothing to compare"):
        intelligibility(speech[8_000:10_000], speech[8_000:10_000])


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    sound_quality._network.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"speechmos.*stepwave\[eval\]"):
        dnsmos(np.zeros(16_000, np.float32))
