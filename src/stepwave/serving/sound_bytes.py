"""Sound as the bytes of a message, by one rule for all routes: 16-bit PCM, and base64 around it."""

from __future__ import annotations

import base64
import binascii
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from stepwave.serving.errors import ApiError
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


def decode_base64(text: str, param: str) -> bytes:
    """The bytes of a sound that a client sent. Raises ApiError, `invalid_base64`, that names the field `param`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ApiError(
            f"{param}: this is no base64 ({error}); send the sound's bytes as base64, without a data: prefix",
            code="invalid_base64",
            param=param,
        ) from None
