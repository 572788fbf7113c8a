"""Sound as it stands in a message: base64 around its bytes."""

from __future__ import annotations

import base64
import binascii

from stepwave.serving.errors import ApiError


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
