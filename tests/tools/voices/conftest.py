"""Voices without a model: made-up sounds, and vectors that tell which of them is meant."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest
import soundfile

from stepwave.signal.resample import Samples
from stepwave.tools.voices.contract import SpeakerVector
from stepwave.tools.voices.library import Embedding, Offer

from .postgres_server import NoServerError, postgres_server

WIDTH = 8


def hum(hertz: float, seconds: float = 1.5, rate: int = 16_000) -> Samples:
    """A tone with an overtone."""
    time = np.arange(int(seconds * rate)) / rate
    sound = 0.3 * np.sin(2 * np.pi * hertz * time) + 0.1 * np.sin(4 * np.pi * hertz * time)
    return np.asarray(sound, np.float32)


def sound_file(hertz: float) -> bytes:
    """Such a tone as a file."""
    encoded = io.BytesIO()
    soundfile.write(encoded, hum(hertz), 16_000, format="FLAC")
    return encoded.getvalue()


def by_pitch(samples: Samples) -> SpeakerVector:
    """A vector that lies on a quarter of a circle, by the strongest frequency: 0 to 800 Hz."""
    spectrum = np.abs(np.fft.rfft(samples))
    hertz = float(spectrum.argmax()) * 16_000 / len(samples)
    angle = hertz / 800 * np.pi / 2
    vector = np.zeros(WIDTH, np.float32)
    vector[:2] = np.cos(angle), np.sin(angle)
    return vector


@pytest.fixture
def embedding() -> Embedding:
    return Embedding("by pitch", by_pitch)


@pytest.fixture
def offer() -> Callable[..., Offer]:
    def make(name: str, hertz: float = 200, data: bytes | None = None, **told: str) -> Offer:
        sound = sound_file(hertz) if data is None else data
        return Offer(name, lambda: sound, told)

    return make


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of a PostgreSQL of the tests' own."""
    pytest.importorskip("psycopg", reason="the database's client is the package psycopg")
    with ExitStack() as stack:
        try:
            address = stack.enter_context(postgres_server())
        except NoServerError as reason:
            pytest.skip(str(reason))
        yield address


@pytest.fixture
def empty_database(database: str) -> str:
    """The same without tables of voices."""
    import psycopg

    with psycopg.connect(database) as base:
        base.execute("DROP TABLE IF EXISTS stepwave_voice_vectors, stepwave_voices, stepwave_voices_meta")
    return database
