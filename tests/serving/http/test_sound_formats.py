from __future__ import annotations

import numpy as np
import pytest
import soundfile

from stepwave.serving.errors import ApiError
from stepwave.serving.http.sound_formats import FORMATS, SoundWriter, encoded, sound_format
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples

SECONDS = 3
SLACK = 2400
"""An mp3 is longer than its sound by what its frames are filled up with."""


@pytest.fixture(scope="module")
def tone() -> Samples:
    time = np.arange(24_000 * SECONDS) / 24_000
    noise = np.random.default_rng(0).normal(size=len(time))
    return (0.3 * np.sin(2 * np.pi * 440 * time) + 0.02 * noise).astype(np.float32)


def read(data: bytes, name: str) -> Samples:
    if name == "pcm":
        return np.frombuffer(data, dtype="<i2").astype(np.float32) / 32768
    audio = read_audio(data, sample_rate=None)
    assert audio.sample_rate == 24_000
    return audio.samples


@pytest.mark.parametrize("name", FORMATS)
def test_whole_and_streamed_hold_the_same_sound(name: str, tone: Samples) -> None:
    whole = read(encoded(tone, name), name)
    writer = SoundWriter(name)
    pieces = [writer.push(tone[start : start + 7000]) for start in range(0, len(tone), 7000)]
    streamed = read(b"".join((*pieces, writer.finish())), name)
    assert 0 <= len(whole) - len(tone) <= SLACK
    assert 0 <= len(streamed) - len(tone) <= SLACK
    tonal = np.abs(np.fft.rfft(streamed[: len(tone)]))
    assert tonal.argmax() == 440 * SECONDS
    assert np.sqrt(np.mean(streamed**2)) == pytest.approx(np.sqrt(np.mean(tone**2)), rel=0.1)
    sent_early = any(pieces[:-1])
    assert sent_early == FORMATS[name].streamed


@pytest.mark.parametrize("name", FORMATS)
def test_no_sound_at_all_is_no_failure(name: str) -> None:
    assert len(encoded(np.zeros(0, dtype=np.float32), name)) < 1000


def test_other_readers_find_the_length_of_a_whole_file(tone: Samples, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("wav", "flac", "mp3", "opus"):
        path = tmp_path_factory.mktemp("sound") / name
        path.write_bytes(encoded(tone, name))
        assert soundfile.info(str(path)).duration == pytest.approx(SECONDS, abs=0.1)


def test_lossless_formats_hold_the_samples_that_bare_pcm_holds(tone: Samples) -> None:
    loud = np.concatenate([tone, np.array([2.0, -2.0], dtype=np.float32)])
    assert read(encoded(loud, "wav"), "wav").tolist() == read(encoded(loud, "pcm"), "pcm").tolist()
    assert read(encoded(loud, "flac"), "flac").tolist() == read(encoded(loud, "pcm"), "pcm").tolist()


def test_other_formats_are_refused() -> None:
    assert sound_format("pcm16") == "pcm"
    with pytest.raises(ApiError, match="'aac' can't be written here; take one of: wav, mp3"):
        sound_format("aac")
