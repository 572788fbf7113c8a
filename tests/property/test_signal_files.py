"""Whatever happens to a recording's bytes, reading gives sound within its bounds or one clear error."""

import io

import numpy as np
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stepwave.facts.errors import AudioError
from stepwave.signal.files import Audio, read_audio


def recording(file_format: str) -> bytes:
    held = io.BytesIO()
    samples = 0.1 * np.random.default_rng(0).standard_normal(3_000)
    soundfile.write(held, samples, 8_000, format=file_format)
    return held.getvalue()


# MP3 is left out: its decoder writes remarks on broken frames straight to the terminal.
RECORDINGS = {name: recording(name) for name in ("WAV", "FLAC", "OGG", "AIFF")}


def read_or_refuse(data: bytes) -> None:
    message = ""
    try:
        audio = read_audio(data, max_seconds=5.0)
    except AudioError as error:
        message = str(error)
        audio = Audio(np.zeros(1, dtype=np.float32), 16_000)
    assert "\n" not in message
    assert audio.sample_rate == 16_000
    assert 0 < len(audio.samples) <= 5.0 * 16_000
    assert np.isfinite(audio.samples).all()


@given(data=st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes(data: bytes) -> None:
    read_or_refuse(data)


@given(name=st.sampled_from(sorted(RECORDINGS)), length=st.integers(0, 8_000))
@settings(max_examples=60, deadline=None)
def test_cut_anywhere(name: str, length: int) -> None:
    read_or_refuse(RECORDINGS[name][:length])


@given(
    name=st.sampled_from(sorted(RECORDINGS)),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=6),
)
@settings(max_examples=150, deadline=None)
def test_any_change_in_the_header(name: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(RECORDINGS[name])
    for position, value in changes:
        data[position] = value
    read_or_refuse(bytes(data))
