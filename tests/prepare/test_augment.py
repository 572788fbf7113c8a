"""Sound as if heard elsewhere keeps its range and about its length, and has a corpus's noises behind it."""

from pathlib import Path

import numpy as np
import pytest

from stepwave.data.records import Clip
from stepwave.facts.errors import AudioNotFoundError
from stepwave.prepare.augment import Augmenter
from stepwave.signal.files import write_audio


def tone(seconds: float, hertz: float) -> np.ndarray:
    time = np.arange(int(seconds * 16_000)) / 16_000
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def test_augmented_sound_stays_in_range_and_near_its_length() -> None:
    augment = Augmenter()
    clean = tone(1.0, 150)
    for seed in range(30):
        treated = augment(clean, np.random.default_rng(seed))
        assert np.isfinite(treated).all()
        assert 0 < np.abs(treated).max() <= 1.0
        assert 0.8 * len(clean) < len(treated) < 1.25 * len(clean)


def test_noises_are_heard_behind_some_readings(tmp_path: Path) -> None:
    write_audio(tmp_path / "whistle.wav", tone(0.3, 5_000), 16_000)
    clean = tone(1.0, 150)

    def whistles(augment: Augmenter) -> int:
        count = 0
        for seed in range(30):
            spectrum = np.abs(np.fft.rfft(augment(clean, np.random.default_rng(seed)), 16_000))
            count += spectrum[4_900:5_100].max() > 20 * np.median(spectrum[3_500:7_500])
        return count

    made_up = whistles(Augmenter())
    assert whistles(Augmenter([Clip("whistle", str(tmp_path / "whistle.wav"))])) >= made_up + 5


def test_a_noise_that_is_gone_is_named(tmp_path: Path) -> None:
    augment = Augmenter([Clip("gone", str(tmp_path / "gone.wav"))])
    clean = tone(0.3, 150)
    with pytest.raises(AudioNotFoundError, match="gone"):
        _ = [augment(clean, np.random.default_rng(seed)) for seed in range(30)]
