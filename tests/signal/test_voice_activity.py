"""Levels, silence, trimming and stretches of sound, on signals whose answer is known."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stepwave.signal.files import read_audio
from stepwave.signal.voice_activity import (
    Stretch,
    VoiceActivityConfig,
    find_sound,
    frame_levels,
    is_silent,
    trim,
)

Samples = npt.NDArray[np.float32]
RATE = 16_000
BARE = VoiceActivityConfig(margin_seconds=0.0)


def tone(seconds: float, level: float = 0.5) -> Samples:
    return (level * np.sin(2 * math.pi * 400 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def test_levels_are_in_decibels_below_full_scale() -> None:
    square = np.tile(np.array([1.0, -1.0], dtype=np.float32), 160)
    levels = frame_levels(np.concatenate((square, square / 10, quiet(0.02), square[:100])), RATE)
    assert levels == pytest.approx([0.0, -20.0, -200.0, 0.0])


@pytest.mark.parametrize(
    ("samples", "silent"),
    [
        (quiet(1.0), True),
        (quiet(0.0), True),
        (np.full(16_000, 0.3, dtype=np.float32), True),
        (tone(1.0, 1e-4), True),
        (tone(1.0, 0.01), False),
        (np.concatenate((quiet(1.0), tone(0.03))), False),
    ],
)
def test_silence(samples: Samples, silent: bool) -> None:
    assert is_silent(samples, RATE) is silent
    assert (find_sound(samples, RATE) == []) is silent
    assert (len(trim(samples, RATE)) == 0) is silent


def test_silence_at_the_ends_is_cut_and_a_margin_is_kept() -> None:
    samples = np.concatenate((quiet(1.0), tone(0.5), quiet(0.7)))
    assert len(trim(samples, RATE, BARE)) == 8_000
    assert np.array_equal(trim(samples, RATE), samples[16_000 - 1_600 : 24_000 + 1_600])
    assert np.array_equal(trim(tone(0.5), RATE), tone(0.5))


def test_long_pauses_part_and_short_ones_do_not() -> None:
    samples = np.concatenate((tone(0.2), quiet(0.2), tone(0.2), quiet(1.0), tone(0.2)))
    assert find_sound(samples, RATE, BARE) == [Stretch(0, 9_600), Stretch(25_600, 28_800)]
    assert find_sound(samples, RATE, VoiceActivityConfig(margin_seconds=0.0, pause_seconds=2.0)) == [Stretch(0, 28_800)]
    assert len(find_sound(samples, RATE, VoiceActivityConfig(margin_seconds=0.0, pause_seconds=0.1))) == 3


def test_noise_far_below_the_loudest_is_not_sound() -> None:
    hiss = (1e-3 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    wide = VoiceActivityConfig(margin_seconds=0.0, floor_db=-80.0, range_db=70.0)
    narrow = VoiceActivityConfig(margin_seconds=0.0, floor_db=-80.0, range_db=40.0)
    samples = np.concatenate((hiss, tone(0.5)))
    assert find_sound(samples, RATE, narrow) == [Stretch(16_000, 24_000)]
    assert find_sound(samples, RATE, wide) == [Stretch(0, 24_000)]
    assert find_sound(hiss, RATE, narrow) == [Stretch(0, 16_000)]


@pytest.mark.parametrize(
    "settings",
    [
        {"frame_seconds": 0.0},
        {"range_db": 0.0},
        {"floor_db": 1.0},
        {"margin_seconds": -0.1},
        {"pause_seconds": -0.1},
    ],
)
def test_bad_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        VoiceActivityConfig(**settings)


def test_channels_are_a_slip() -> None:
    with pytest.raises(ValueError, match="one dimension"):
        is_silent(np.zeros((2, 5), dtype=np.float32), RATE)


def test_real_speech_between_silences_is_found(shared_data: Path) -> None:
    speech = read_audio(shared_data / "fixtures" / "jfk.flac").samples[: 4 * RATE]
    padded = np.concatenate((quiet(2.0), speech, quiet(2.0)))
    stretches = find_sound(padded, RATE)
    assert stretches
    assert stretches[0].start >= 1.9 * RATE
    assert stretches[-1].end <= 6.2 * RATE
    assert sum(end - start for start, end in stretches) > 1.5 * RATE
