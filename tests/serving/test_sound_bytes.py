from __future__ import annotations

import base64

import pytest

from stepwave.serving.errors import ApiError
from stepwave.serving.sound_bytes import decode_base64


@pytest.mark.parametrize("text", ["#no base64#", "§§", "abc"])
def test_what_is_no_base64_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ApiError, match=r"item\.audio: this is no base64") as caught:
        decode_base64(text, "item.audio")
    assert (caught.value.status, caught.value.code, caught.value.param) == (400, "invalid_base64", "item.audio")
    assert decode_base64(base64.b64encode(b"\x00\x01").decode(), "item.audio") == b"\x00\x01"
