"""Sound as 16-bit PCM, by one rule for all who send it and read it."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stepwave.signal.resample import Samples

Int16: TypeAlias = NDArray[np.int16]
_SCALE: Final = 32_768


def to_int16(samples: Samples) -> Int16:
    """Samples [n], full scale 1.0, as little-endian 16-bit integers [n]; what is louder is clipped, 1.0 to 32767."""
    scaled = np.rint(np.multiply(samples, _SCALE, dtype=np.float32))
    integers: Int16 = np.clip(scaled, -_SCALE, _SCALE - 1).astype("<i2")
    return integers


def encode_pcm16(samples: Samples) -> bytes:
    """Samples [n], full scale 1.0, as 16-bit PCM, little-endian: 2 n bytes."""
    return to_int16(samples).tobytes()


def decode_pcm16(data: bytes) -> Samples:
    """Samples [n] of 2 n bytes of 16-bit PCM, little-endian; `encode_pcm16` gives the same bytes back."""
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(_SCALE)
