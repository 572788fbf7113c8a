"""Mixing: what the recipe says is what is in the sound."""

import numpy as np
import pytest

from stepwave.prepare.acoustics.mixing import (
    PEAK,
    REFERENCE_DB,
    DrownedSoundError,
    Ingredient,
    SilentSoundError,
    event,
    level_db,
    looped,
    mix,
    noise_floor,
    weighted,
    whole,
)

from .materials import RATE, tone

SILENCE = np.zeros(20 * RATE, np.float32)


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.square(samples, dtype=np.float64).mean() + 1e-20))


@pytest.mark.parametrize(("hertz", "gain"), [(100, -19.1), (200, -10.9), (500, -3.2), (1_000, 0.0), (2_000, 1.2)])
def test_weights_are_those_of_the_standard(hertz: int, gain: float) -> None:
    """Table 3 of IEC 61672-1, to a tenth of a decibel."""
    sound = tone(hertz, 2.0)
    middle = slice(RATE // 2, -RATE // 2)
    assert decibels(weighted(sound, RATE)[middle]) - decibels(sound[middle]) == pytest.approx(gain, abs=0.15)


def test_a_tone_is_where_and_as_loud_as_the_recipe_says() -> None:
    parts = [tone(1_000, 1.0, 0.5), tone(1_000, 2.0, 0.002)]
    planned = [Ingredient("dog", "a", 2.0, 1.0, -4.0), Ingredient("cat", "b", 5.0, 2.0, 3.0)]
    made = mix(parts, planned, 8.0, RATE, SILENCE)
    assert [each.label for each in made.recipe] == ["dog", "cat"]
    assert len(made.samples) == 8 * RATE
    for each in made.recipe:
        inside = made.samples[round(each.start * RATE) : round(each.end * RATE)]
        assert decibels(inside) == pytest.approx(made.reference_db + each.gain_db, abs=0.2)
    for start, end in ((0.0, 2.0), (3.0, 5.0), (7.0, 8.0)):
        assert not made.samples[round(start * RATE) : round(end * RATE)].any()


def test_low_tones_are_raised_until_they_sound_as_loud() -> None:
    made = mix([tone(200, 1.0)], [Ingredient("hum", "a", 0.0, 1.0, 0.0)], 1.0, RATE, SILENCE)
    assert decibels(made.samples) == pytest.approx(REFERENCE_DB + 10.9, abs=0.2)


def test_a_loud_mix_is_scaled_and_its_reference_with_it() -> None:
    sounds = [tone(1_000, 1.0), tone(1_000, 1.0)]
    made = mix(sounds, [Ingredient(each, each, 0.0, 1.0, 22.0) for each in "ab"], 1.0, RATE, SILENCE)
    assert float(np.abs(made.samples).max()) == pytest.approx(PEAK, abs=1e-4)
    both = made.reference_db + 22.0 + 20 * np.log10(2)
    assert decibels(made.samples) == pytest.approx(both, abs=0.1)


def test_what_nobody_can_hear_is_refused() -> None:
    sounds = [tone(1_000, 2.0), tone(900, 0.5)]
    planned = [Ingredient("rain", "a", 0.0, 2.0, 6.0), Ingredient("dog", "b", 1.0, 0.5, -12.0)]
    with pytest.raises(DrownedSoundError, match="dog of clip b is drowned out"):
        mix(sounds, planned, 3.0, RATE, SILENCE)
    planned[1] = Ingredient("dog", "b", 2.2, 0.5, -12.0)
    assert len(mix(sounds, planned, 3.0, RATE, SILENCE).recipe) == 2
    with pytest.raises(SilentSoundError, match="clip b is silent"):
        mix([sounds[0], SILENCE[:RATE]], planned, 3.0, RATE, SILENCE)


def test_a_tail_sounds_beyond_what_the_recipe_calls_the_sound() -> None:
    made = mix([tone(1_000, 1.5)], [Ingredient("dog", "a", 0.5, 1.0, 0.0)], 3.0, RATE, SILENCE)
    assert made.recipe[0].seconds == 1.0
    assert decibels(made.samples[round(1.6 * RATE) : round(1.9 * RATE)]) > REFERENCE_DB - 1


def test_an_event_is_the_strongest_of_several() -> None:
    recording = np.concatenate([tone(500, 0.4, 0.05), SILENCE[:RATE], tone(1_000, 0.6, 0.2), SILENCE[: 2 * RATE]])
    found = event(recording, RATE, 5.0)
    assert len(found) / RATE == pytest.approx(0.7, abs=0.03)
    assert np.argmax(np.abs(np.fft.rfft(found))) / len(found) * RATE == pytest.approx(1_000, abs=3)
    assert len(event(recording, RATE, 0.3)) == 0.3 * RATE
    with pytest.raises(SilentSoundError):
        event(SILENCE, RATE, 1.0)


def test_speech_is_kept_whole_between_its_ends() -> None:
    recording = np.concatenate([SILENCE[:RATE], tone(300, 1.0), SILENCE[:RATE], tone(300, 1.0), SILENCE[:RATE]])
    assert len(whole(recording, RATE)) / RATE == pytest.approx(3.2, abs=0.03)
    with pytest.raises(SilentSoundError):
        whole(SILENCE, RATE)


@pytest.mark.parametrize("length", [100, 4_000, 7_999, 40_000])
def test_a_looped_sound_fills_its_length_evenly(length: int) -> None:
    noise = np.random.default_rng(1).standard_normal(8_000).astype(np.float32) * 0.1
    filled = looped(noise, length, RATE)
    assert len(filled) == length
    if length > 8_000:
        levels = [decibels(filled[at : at + 1_600]) for at in range(1_600, length - 3_200, 1_600)]
        assert max(levels) - min(levels) < 2.0


def test_a_floor_has_the_level_that_was_asked_for() -> None:
    floor = noise_floor(RATE, -60.0, np.random.default_rng(0))
    assert decibels(floor) == pytest.approx(-60.0, abs=0.01)
    assert level_db(floor, RATE) < -60.0
