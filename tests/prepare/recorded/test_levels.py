"""Loudness, clipping, noise: against the standard's own figures and against what was mixed."""

import numpy as np
import pytest
from recorded_material import RATE, babble, silence

from stepwave.prepare.recorded.levels import (
    LEAST_RATIO_DB,
    MOST_RATIO_DB,
    SILENCE_LUFS,
    clipped_share,
    loudness,
    noise_ratio,
    weighting,
)


def test_weighting_at_48_khz_is_the_standards_table() -> None:
    # ITU-R BS.1770-4, annex 1, tables 1 and 2.
    above, below = weighting(48_000)
    assert np.allclose(above[0], [1.53512485958697, -2.69169618940638, 1.19839281085285], atol=1e-9)
    assert np.allclose(below[0], [1.0, -1.69065929318241, 0.73248077421585], atol=1e-9)
    assert np.allclose(above[1], [1.0, -2.0, 1.0])
    assert np.allclose(below[1], [1.0, -1.99004745483398, 0.99007225036621], atol=1e-9)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_a_full_scale_sine_of_997_hz_measures_3_lufs_under_full_scale(rate: int) -> None:
    sine = np.sin(2 * np.pi * 997 * np.arange(5 * rate) / rate).astype(np.float32)
    assert loudness(sine, rate) == pytest.approx(-3.01, abs=0.05)
    assert loudness(0.1 * sine, rate) == pytest.approx(-23.01, abs=0.05)
    assert loudness(sine[: rate // 5], rate) == pytest.approx(-3.01, abs=0.3)


def test_pauses_do_not_count_and_silence_is_the_gate() -> None:
    speech = babble(3.0)
    with_pauses = np.concatenate((speech, silence(6.0)))
    assert loudness(with_pauses, RATE) == pytest.approx(loudness(speech, RATE), abs=0.5)
    assert loudness(np.zeros(RATE, np.float32), RATE) == loudness(np.zeros(10, np.float32), RATE) == SILENCE_LUFS


def test_the_filters_see_no_bass() -> None:
    hum = np.sin(2 * np.pi * 25 * np.arange(5 * RATE) / RATE).astype(np.float32)
    assert loudness(hum, RATE) < -10.0


def test_clipped_samples_are_counted() -> None:
    speech = babble(1.0)
    assert clipped_share(speech) == 0.0
    assert clipped_share(np.clip(20 * speech, -1.0, 1.0)) > 0.2
    assert clipped_share(np.array([0.0, 0.995, -1.0, 0.5], np.float32)) == 0.5


@pytest.mark.parametrize("wanted", [0.0, 10.0, 20.0, 30.0])
def test_noise_is_found_as_it_was_mixed(wanted: float) -> None:
    speech = np.concatenate(
        [piece for seed in range(4) for piece in (babble(1.5, seed), np.zeros(RATE // 2, np.float32))]
    )
    noise = np.random.default_rng(0).standard_normal(len(speech)).astype(np.float32)
    power = np.mean(babble(1.5) ** 2)
    mixed = speech + noise * np.sqrt(power / 10 ** (wanted / 10))
    assert noise_ratio(mixed.astype(np.float32), RATE) == pytest.approx(wanted, abs=3.5)


def test_noise_alone_is_noisy_and_digital_silence_is_not() -> None:
    assert noise_ratio(silence(2.0), RATE) < 3.0
    tone = np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE).astype(np.float32)
    assert noise_ratio(tone, RATE) < 0.0
    assert noise_ratio(np.concatenate((tone, np.zeros(RATE // 2, np.float32))), RATE) == MOST_RATIO_DB
    assert noise_ratio(np.zeros(RATE, np.float32), RATE) == LEAST_RATIO_DB
    assert noise_ratio(tone[:10], RATE) == LEAST_RATIO_DB
