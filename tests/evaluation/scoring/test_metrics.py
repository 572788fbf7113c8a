import math

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.evaluation.scoring.metrics import (
    error_rate,
    error_rate_interval,
    median_interval,
    ratio_interval,
    wideband_pesq,
)
from stepwave.text.word_errors import WordErrors, word_errors

words = st.lists(st.sampled_from(["red", "green", "blue", "tree", "house"]), min_size=1, max_size=8).map(" ".join)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_error_rate_is_jiwers_over_all_texts(pairs: list[tuple[str, str]]) -> None:
    rate = error_rate([word_errors(*pair) for pair in pairs])
    references, hypotheses = zip(*pairs, strict=True)
    assert rate == pytest.approx(100 * jiwer.wer(list(references), list(hypotheses)))


def test_error_rate_of_nothing_is_no_number() -> None:
    assert math.isnan(error_rate([]))
    assert math.isnan(error_rate_interval([]).low)


def test_interval_holds_the_rate_and_is_the_same_again() -> None:
    counted = [WordErrors(7 + n, errors, 0, 0) for n, errors in enumerate([0, 1, 2, 0, 5, 1, 0, 3])]
    interval = error_rate_interval(counted)
    assert error_rate(counted) == pytest.approx(100 * 12 / 84)
    assert interval.low < error_rate(counted) < interval.high
    assert error_rate_interval(counted) == interval
    assert error_rate_interval(counted, seed=1) != interval


def test_interval_of_equal_texts_has_no_width() -> None:
    interval = error_rate_interval([WordErrors(4, 1, 0, 0)] * 6)
    assert interval.low == interval.high == 25


def test_interval_agrees_with_the_normal_one_on_many_values() -> None:
    values = np.random.default_rng(0).normal(3.0, 1.0, 400).tolist()
    interval = ratio_interval(values, [1.0] * 400)
    expected = 1.96 * np.std(values) / 20
    assert (interval.high - interval.low) / 2 == pytest.approx(expected, rel=0.1)


def test_median_interval() -> None:
    interval = median_interval([1.0, 1.1, 1.2, 1.3, 9.0])
    assert 1.0 <= interval.low < 1.2 < interval.high <= 9.0
    assert math.isnan(median_interval([]).high)


def speech_like(seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * 16_000)) / 16_000
    voice = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 20))
    return (0.1 * voice * (np.sin(2 * np.pi * 3 * time) > -0.3)).astype(np.float32)


def test_pesq_of_the_same_sound_is_the_scales_end_and_noise_lowers_it() -> None:
    pytest.importorskip("pesq", reason="pesq is in the extra eval: it needs a compiler")
    clean = speech_like(1.5)
    noisy = clean + 0.05 * np.random.default_rng(0).standard_normal(len(clean)).astype(np.float32)
    assert wideband_pesq(clean, clean) == pytest.approx(4.644, abs=0.01)
    assert wideband_pesq(clean, noisy[:-100]) < 3.0


def test_pesq_of_silence_is_refused() -> None:
    pytest.importorskip("pesq", reason="pesq is in the extra eval: it needs a compiler")
    for sound in (np.zeros(16_000, np.float32), np.full(200, 0.1, np.float32)):
        with pytest.raises(ValueError, match="nothing to compare"):
            wideband_pesq(sound, sound)
