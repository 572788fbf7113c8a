import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from stepwave.dialogue.listening import hear, stretches
from stepwave.facts.errors import AudioEmptyError, AudioTooLongError, AudioTooShortError, AudioValueError
from stepwave.signal.files import Audio
from stepwave.signal.resample import Samples


def noise(samples: int = 8_000) -> Samples:
    return (0.1 * np.random.default_rng(1).standard_normal(samples)).astype(np.float32)


def test_a_recording_comes_in_many_forms(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(), 16_000, subtype="FLOAT")
    for form in (str(path), path, path.read_bytes(), io.BytesIO(path.read_bytes()), noise(), Audio(noise(), 16_000)):
        np.testing.assert_allclose(hear(form, 10.0), noise(), atol=1e-6)
    assert len(hear(Audio(noise(24_000), 48_000), 10.0)) == 8_000


@pytest.mark.parametrize(
    ("samples", "error", "says"),
    [
        (noise(0), AudioEmptyError, "0 samples"),
        (noise(1_599), AudioTooShortError, "lasts 0.0999 s; wanted at least 0.1 s"),
        (noise(160_001), AudioTooLongError, "more than the 10 s"),
        (np.full(8_000, np.nan, dtype=np.float32), AudioValueError, "NaN"),
        (noise() * np.float32(1e6), AudioValueError, "full scale"),
        (np.zeros(8_000, dtype=np.float32), AudioEmptyError, "silent from end to end"),
        (noise() * np.float32(1e-4), AudioEmptyError, "silent from end to end"),
        (np.zeros(8_000, dtype=np.int16), AudioValueError, "int16"),
        (noise().reshape(2, -1), AudioValueError, "one channel"),
    ],
)
def test_samples_that_cannot_be_used(samples: Samples, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        hear(samples, 10.0)


def test_a_silent_file_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.zeros(8_000), 16_000)
    with pytest.raises(AudioEmptyError, match=r"quiet\.wav' is silent"):
        hear(tmp_path / "quiet.wav", 10.0)


@given(st.integers(1, 200_000), st.floats(0.5, 4.0))
def test_stretches_are_the_whole_recording_and_none_is_too_long(count: int, longest: float) -> None:
    samples = np.arange(count, dtype=np.float32)
    cut = stretches(samples, longest)
    np.testing.assert_array_equal(np.concatenate(cut), samples)
    assert max(map(len, cut)) <= int(longest * 16_000)
    assert min(map(len, cut)) > 0


def test_long_recordings_are_cut_at_pauses() -> None:
    samples = noise(5 * 16_000)
    for pause in (1.7, 3.4):
        samples[int(pause * 16_000) : int((pause + 0.2) * 16_000)] = 0
    ends = np.cumsum([len(stretch) for stretch in stretches(samples, 2.0)]) / 16_000
    assert len(ends) == 3
    assert 1.7 <= ends[0] <= 1.9
    assert 3.4 <= ends[1] <= 3.6
