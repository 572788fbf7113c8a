"""How long a sound lasts, by its header: of a sound inside a larger file only what a decoder asks for is read."""

import io
import os
from typing import Any, BinaryIO, Final, cast

import numpy as np
import soundfile

from stepwave.data.addresses import is_remote, open_binary, read_bytes, reason
from stepwave.facts.errors import AudioFormatError, AudioNotFoundError
from stepwave.signal.decoding import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from stepwave.signal.files import Memory, read_audio

_UNANNOUNCED: Final = np.iinfo(np.int64).max
"""libsndfile's frame count for a FLAC that was written to a pipe."""


def seconds_of(data: bytes) -> float:
    """Seconds that an encoded sound lasts. Raises AudioError."""
    return _seconds(cast(BinaryIO, Memory(data)))


def seconds_inside(address: str, offset: int, size: int) -> float:
    """The same of a sound inside a file. Raises AudioError, OSError."""
    if is_remote(address):
        return seconds_of(read_bytes(address, offset, size))
    with open(address, "rb") as file:
        return _seconds(cast(BinaryIO, _Stretch(file, offset, size)))


def seconds_in(address: str) -> float:
    """The same of a whole file. Raises AudioError."""
    try:
        with open_binary(address) as file:
            return seconds_of(file.read()) if is_remote(address) else _seconds(file)
    except OSError as problem:
        raise AudioNotFoundError(f"there is no sound at {address!r} ({reason(problem)})") from None


def _seconds(file: BinaryIO) -> float:
    try:
        with soundfile.SoundFile(file) as sound:
            frames, rate = int(sound.frames), int(sound.samplerate)
    except soundfile.LibsndfileError as problem:
        why = str(problem.error_string).strip().removeprefix("Error : ").rstrip(".")
        raise AudioFormatError(f"damaged or no sound ({why}); wanted wav, flac, mp3, ogg or opus") from None
    if not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
        raise AudioFormatError(f"it claims {rate} samples per second; its header is damaged or wrong")
    if frames == _UNANNOUNCED:
        file.seek(0)
        return read_audio(file, sample_rate=None).seconds
    return frames / rate


class _Stretch(io.RawIOBase):
    """Bytes `offset` to `offset + size` of an open file, as a file.

    Seeking never fails: an exception inside the decoder's callback could not reach us.
    """

    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        self._file, self._offset, self._size = file, offset, size
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = min(max(0, base + offset), self._size)
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        self._file.seek(self._offset + self._place)
        data = self._file.read(min(len(view), self._size - self._place))
        view[: len(data)] = data
        self._place += len(data)
        return len(data)
