"""Sound on the wire: 16-bit PCM at 24 kHz, or G.711 at 8 kHz, to and from the model's rates; streams of any cut."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile
import soxr

from stepwave.facts.rates import INPUT_SAMPLE_RATE, OUTPUT_SAMPLE_RATE
from stepwave.serving.errors import ApiError
from stepwave.signal.pcm import decode_pcm16, encode_pcm16, to_int16
from stepwave.signal.resample import Samples

PCM_RATE: Final = 24_000
G711_RATE: Final = 8_000
_G711: Final = {"audio/pcmu": "ULAW", "audio/pcma": "ALAW"}


@dataclass(frozen=True)
class AudioFormat:
    """How samples are written. Little-endian 16-bit PCM has two bytes to a sample, G.711 one.

    `name` is audio/pcm, audio/pcmu or audio/pcma. Raises ApiError for any other.
    """

    name: str = "audio/pcm"

    def __post_init__(self) -> None:
        if self.name != "audio/pcm" and self.name not in _G711:
            raise ApiError(
                f"got the audio format '{self.name}'; wanted audio/pcm (24 kHz), audio/pcmu or audio/pcma",
                code="invalid_value",
                param="format.type",
            )

    @property
    def rate(self) -> int:
        """Samples per second."""
        return PCM_RATE if self.name == "audio/pcm" else G711_RATE

    def to_protocol(self) -> dict[str, object]:
        """The `format` object of a session."""
        return {"type": self.name, "rate": PCM_RATE} if self.name == "audio/pcm" else {"type": self.name}

    def decode(self, data: bytes) -> Samples:
        """Samples [n] at `rate`; PCM must come in whole samples."""
        if self.name == "audio/pcm":
            return decode_pcm16(data)
        if not data:
            return np.zeros(0, dtype=np.float32)
        samples, _ = soundfile.read(
            io.BytesIO(data),
            dtype="float32",
            samplerate=self.rate,
            channels=1,
            format="RAW",
            subtype=_G711[self.name],
        )
        decoded: Samples = samples
        return decoded

    def encode(self, samples: Samples) -> bytes:
        """Bytes of samples [n] at `rate`; what is louder than full scale is clipped."""
        if self.name == "audio/pcm":
            return encode_pcm16(samples)
        written = io.BytesIO()
        soundfile.write(written, to_int16(samples), self.rate, format="RAW", subtype=_G711[self.name])
        return written.getvalue()


class InputStream:
    """Bytes as a client sends them, cut anywhere, to samples at the model's 16 kHz."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._half = b""
        self._resampler = self._new()

    def push(self, data: bytes) -> Samples:
        """Samples [n] at 16 kHz that are certain now."""
        data = self._half + data
        whole = len(data) // 2 * 2 if self._format.name == "audio/pcm" else len(data)
        self._half = data[whole:]
        resampled: Samples = self._resampler.resample_chunk(self._format.decode(data[:whole]))
        return resampled

    def finish(self) -> Samples:
        """The samples that are left [n]; the stream begins anew."""
        last: Samples = self._resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
        self._half = b""
        self._resampler = self._new()
        return last

    def _new(self) -> soxr.ResampleStream:
        return soxr.ResampleStream(self._format.rate, INPUT_SAMPLE_RATE, 1, dtype="float32")


class OutputStream:
    """The model's sound at 24 kHz to bytes for a client; one stream per answer, so that pieces join without a click."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        same = audio_format.rate == OUTPUT_SAMPLE_RATE
        self._resampler = (
            None if same else soxr.ResampleStream(OUTPUT_SAMPLE_RATE, audio_format.rate, 1, dtype="float32")
        )

    def push(self, samples: Samples) -> bytes:
        """Bytes that are certain after samples [n] at 24 kHz."""
        return self._format.encode(samples if self._resampler is None else self._resampler.resample_chunk(samples))

    def finish(self) -> bytes:
        """The bytes that are left."""
        if self._resampler is None:
            return b""
        return self._format.encode(self._resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
