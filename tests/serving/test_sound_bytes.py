from __future__ import annotations

import base64

import numpy as np
import pytest

from stepwave.serving.errors import ApiError
from stepwave.serving.sound_bytes import decode_base64, decode_pcm16, encode_pcm16, to_int16


def test_every_16_bit_sample_comes_back_as_it_was() -> None:
    every = np.arange(-32_768, 32_768, dtype="<i2").tobytes()
    assert encode_pcm16(decode_pcm16(every)) == every


def test_louder_than_full_scale_is_clipped_and_does_not_wrap() -> None:
    loud = np.array([2.0, -2.0, 1.0, -1.0, 0.0, 0.5], dtype=np.float32)
    assert to_int16(loud).tolist() == [32767, -32768, 32767, -32768, 0, 16384]


@pytest.mark.parametrize("text", ["#no base64#", "§§", "abc"])
def test_what_is_no_base64_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ApiError, match=r"item\.audio: this is no base64") as caught:
        decode_base64(text, "item.audio")
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "invalid_base64", "item.audio")
    assert decode_base64(base64.b64encode(b"\x00\x01").decode(), "item.audio") == b"\x00\x01"
