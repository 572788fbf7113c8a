"""Small sounds for sources of every form."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from stepwave.signal.resample import Samples

Encode = Callable[..., bytes]


@pytest.fixture
def encoded() -> Encode:
    """Makes an encoded sound of `seconds` whose samples are all `level`."""

    def encode(level: float = 0.25, seconds: float = 0.5, form: str = "WAV", rate: int = 16_000) -> bytes:
        samples: Samples = np.full(round(seconds * rate), level, np.float32)
        written = io.BytesIO()
        soundfile.write(written, samples, rate, format=form)
        return written.getvalue()

    return encode
