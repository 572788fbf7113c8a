"""Sound as the bytes of a file, whole or while it is being made. Nothing of requests."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import soundfile

from stepwave.facts.rates import OUTPUT_SAMPLE_RATE
from stepwave.serving.errors import ApiError
from stepwave.signal.pcm import to_int16
from stepwave.signal.resample import Samples

_BLOCK: Final = 2**16
_UNKNOWN: Final = 0xFFFFFFFF


@dataclass(frozen=True)
class SoundFormat:
    """A format of sound that is sent."""

    media_type: str
    """As HTTP's Content-Type."""
    options: Mapping[str, Any] | None = field(default=None, hash=False)
    """How soundfile writes it; None for bare samples, 16 bits each, little-endian."""
    streamed: bool = True
    """Whether it can be sent before its end is known."""


FORMATS: Final[Mapping[str, SoundFormat]] = MappingProxyType(
    {
        "wav": SoundFormat("audio/wav", {"format": "WAV", "subtype": "PCM_16"}),
        # Without a constant rate, and the header that is written last, readers guess the length wrongly. 80 kbit/s.
        "mp3": SoundFormat("audio/mpeg", {"format": "MP3", "bitrate_mode": "CONSTANT", "compression_level": 0.5}),
        # Its header tells the length, and some readers take none for an answer.
        "flac": SoundFormat("audio/flac", {"format": "FLAC", "subtype": "PCM_16"}, streamed=False),
        "opus": SoundFormat("audio/ogg", {"format": "OGG", "subtype": "OPUS"}),
        "pcm": SoundFormat("audio/pcm"),
    }
)
OTHER_NAMES: Final[Mapping[str, str]] = MappingProxyType({"pcm16": "pcm"})


def sound_format(name: str) -> str:
    """The key in FORMATS that is meant by `name`. Raises ApiError for a format that can't be written."""
    known = OTHER_NAMES.get(name, name)
    if known not in FORMATS:
        wanted = ", ".join((*FORMATS, *OTHER_NAMES))
        raise ApiError(
            f"the format '{name}' can't be written here; take one of: {wanted}", 400, "unsupported_format", "format"
        )
    return known


class SoundWriter:
    """Bytes of one sound, mono at 24 kHz, as its samples come.

    `name` is a key of FORMATS. With `whole` everything comes at the end, and headers tell the length.
    """

    def __init__(self, name: str, whole: bool = False) -> None:
        form = FORMATS[name]
        self._held = whole or not form.streamed
        self._header = _endless_header() if name == "wav" and not self._held else b""
        self._sink = io.BytesIO()
        self._sent = 0
        self._file = None
        if form.options is not None and not self._header:
            self._file = soundfile.SoundFile(self._sink, "w", OUTPUT_SAMPLE_RATE, 1, **form.options)

    def push(self, samples: Samples) -> bytes:
        """What can be sent after these samples [n], full scale 1.0; louder ones are clipped."""
        integers = to_int16(samples)
        if self._file is None:
            header, self._header = self._header, b""
            self._sink.write(header + integers.tobytes())
        else:
            # In blocks, because libsndfile's encoders keep a block on their stack.
            for start in range(0, len(integers), _BLOCK):
                self._file.write(integers[start : start + _BLOCK])
            self._file.flush()
        return b"" if self._held else self._new()

    def finish(self) -> bytes:
        """The rest."""
        if self._file is not None:
            self._file.close()
        return self._new()

    def _new(self) -> bytes:
        # A header that is written again at the end lies before what was sent already, and stays as it was.
        new = self._sink.getvalue()[self._sent :]
        self._sent += len(new)
        return new


def encoded(samples: Samples, name: str) -> bytes:
    """A whole sound, samples [n] at 24 kHz, in the format `name`, a key of FORMATS."""
    writer = SoundWriter(name, whole=True)
    return writer.push(samples) + writer.finish()


def _endless_header() -> bytes:
    """A wav header whose lengths are the largest there are: the usual sign that nobody knows them yet."""
    layout = struct.pack("<IHHIIHH", 16, 1, 1, OUTPUT_SAMPLE_RATE, 2 * OUTPUT_SAMPLE_RATE, 2, 16)
    return b"RIFF" + struct.pack("<I", _UNKNOWN) + b"WAVEfmt " + layout + b"data" + struct.pack("<I", _UNKNOWN)
