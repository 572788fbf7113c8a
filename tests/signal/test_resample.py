"""Change of rate: whole and in blocks, pass band, stop band, and refused settings."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from stepwave.signal.resample import StreamResampler, resample


def tone(seconds: float, rate: int, hertz: float) -> npt.NDArray[np.float32]:
    return np.sin(2 * math.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


@pytest.mark.parametrize(("from_rate", "to_rate"), [(48_000, 16_000), (22_050, 24_000), (8_000, 16_000)])
def test_a_tone_in_both_bands_stays_the_same_tone(from_rate: int, to_rate: int) -> None:
    got = resample(tone(1.0, from_rate, 1_000), from_rate, to_rate)
    assert got.dtype == np.float32
    assert len(got) == to_rate
    assert np.abs(got - tone(1.0, to_rate, 1_000))[500:-500].max() < 1e-3


def test_a_tone_above_the_new_band_vanishes_and_does_not_alias() -> None:
    assert np.abs(resample(tone(1.0, 48_000, 9_000), 48_000, 16_000))[500:-500].max() < 1e-3


@pytest.mark.parametrize("rate", [44_100, 16_000, 11_025])
@pytest.mark.parametrize("block", [100, 4_097])
def test_blocks_give_the_same_as_the_whole(rate: int, block: int) -> None:
    samples = np.random.default_rng(rate).standard_normal(10_007).astype(np.float32)
    stream = StreamResampler(rate, 16_000)
    parts = [stream.push(samples[start : start + block]) for start in range(0, len(samples), block)]
    got = np.concatenate([*parts, stream.finish()])
    assert np.array_equal(got, resample(samples, rate, 16_000))


def test_blocks_at_the_same_rate_are_copies() -> None:
    buffer = np.ones(10, dtype=np.float32)
    kept = StreamResampler(16_000, 16_000).push(buffer)
    buffer[:] = 0
    assert kept.tolist() == [1.0] * 10


def test_wrong_rates_and_shapes_are_slips() -> None:
    for make in (lambda: resample(np.zeros(5, dtype=np.float32), 0, 16_000), lambda: StreamResampler(16_000, -1)):
        with pytest.raises(ValueError, match="at least 1 Hz"):
            make()
    with pytest.raises(ValueError, match="one dimension"):
        resample(np.zeros((5, 2), dtype=np.float32), 8_000, 16_000)
