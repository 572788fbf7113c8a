"""Reading and writing recordings: wav, flac, ogg and mp3 from a path, bytes or a stream, as mono float32.

Finds the bytes and bounds them, hands them to `decoding`, and stores sound so that a file appears whole or not at
all. Knows nothing of mels or models.
"""

import contextlib
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import soundfile

from stepwave.facts.errors import (
    AudioEmptyError,
    AudioNotFoundError,
    AudioTooLongError,
    AudioTooShortError,
    AudioValueError,
    OutputError,
)
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.atomic import check_target, replace_file
from stepwave.signal.decoding import Channels, decode
from stepwave.signal.resample import Samples

Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

MAX_SECONDS = 1800.0
"""Longest recording read unless told otherwise: half an hour, more than the model's context can hold."""
MAX_BYTES = 512 * 1024**2
"""Largest file or stream read unless told otherwise."""

_WRITE_BLOCK = 2**16
_WRITABLE = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS"), ".mp3": ("MP3", None)}


@dataclass(frozen=True, eq=False)
class Audio:
    """A recording in memory: `samples` float32 [n], mono, full scale 1.0, at `sample_rate` per second."""

    samples: Samples
    sample_rate: int

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.sample_rate


def read_audio(
    source: Source,
    *,
    sample_rate: int | None = INPUT_SAMPLE_RATE,
    channels: Channels = "first",
    max_seconds: float = MAX_SECONDS,
    min_seconds: float = 0.0,
    max_bytes: int = MAX_BYTES,
) -> Audio:
    """Read one recording as mono samples at `sample_rate`, or at its own rate for None.

    Of several channels the first is kept, as the released model does (reference facts 2.1), or their mean. A stream
    is read from where it stands to its end and needn't be seekable.

    Raises AudioNotFoundError, AudioEmptyError (no bytes or no samples), AudioFormatError (not audio, damaged, cut
    short, a rate or channel count nobody uses), AudioTooLongError (`max_seconds`, `max_bytes`, or the fixed bound on
    decoded numbers), AudioTooShortError (under `min_seconds`, or nothing left at the wanted rate) and AudioValueError
    (NaN, infinity, or samples far beyond full scale). Each message is one line.
    """
    if channels not in ("first", "mean"):
        raise ValueError(f"channels must be 'first' or 'mean', got {channels!r}")
    name = _name_of(source)
    with _opened(source, name, max_bytes) as file:
        samples, rate = decode(file, name, sample_rate, channels, max_seconds)
    if len(samples) == 0 or len(samples) < min_seconds * rate:
        raise AudioTooShortError(
            f"{name} lasts {len(samples) / rate:.4f} s ({len(samples)} samples at {rate} Hz); "
            f"wanted at least {max(min_seconds, 1 / rate):.4g} s; record a longer one"
        )
    return Audio(samples, rate)


def write_audio(path: str | os.PathLike[str], samples: Samples, sample_rate: int) -> None:
    """Write mono `samples` [n], full scale 1.0 (louder is clipped), as 16-bit wav or flac, or as ogg or mp3.

    The ending of `path` chooses the format. The file appears whole or not at all; see `replace_file`. Raises
    OutputError (cannot be written, unknown ending), AudioEmptyError and AudioValueError (NaN or infinity).
    """
    file_format, subtype = _format_for(path)
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"samples must be floating-point [n], got {samples.dtype} of shape {samples.shape}")
    if len(samples) == 0:
        raise AudioEmptyError(f"there is no sound to write to {str(path)!r} (0 samples)")
    if not np.isfinite(samples).all():
        raise AudioValueError(f"the sound for {str(path)!r} holds NaN or infinite samples and was not written")
    encoded = io.BytesIO()
    clipped = np.clip(samples, -1.0, 1.0).astype(np.float32, copy=False)
    try:
        with soundfile.SoundFile(encoded, "w", sample_rate, 1, subtype, format=file_format) as sound:
            # In blocks, because libsndfile's Vorbis encoder overflows its stack when given minutes at once.
            for start in range(0, len(clipped), _WRITE_BLOCK):
                sound.write(clipped[start : start + _WRITE_BLOCK])
    except soundfile.LibsndfileError as error:
        raise OutputError(
            f"cannot write {str(path)!r} as {file_format} at {sample_rate} Hz: {error.error_string}; choose .wav"
        ) from error
    replace_file(path, encoded.getvalue())


def check_audio_target(path: str | os.PathLike[str]) -> None:
    """Raise the OutputError that `write_audio` would raise for this path, before any work is done for it."""
    _format_for(path)
    check_target(path)


class Memory(io.BytesIO):
    """Bytes that stay where they are when a damaged file asks for an impossible place.

    An exception raised inside the decoder's callback could not reach us; it would be printed as a traceback.
    """

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new place, or the old one where there is no such place."""
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def _name_of(source: Source) -> str:
    if isinstance(source, str | os.PathLike):
        return repr(os.fspath(source))
    return "the recording" if isinstance(source, bytes | bytearray | memoryview) else "the stream"


@contextlib.contextmanager
def _opened(source: Source, name: str, max_bytes: int) -> Iterator[BinaryIO]:
    """Give a seekable file with the source's bytes, at most `max_bytes`."""
    if isinstance(source, bytes | bytearray | memoryview):
        _check_bytes(len(source), name, max_bytes)
        yield Memory(source)
    elif isinstance(source, str | os.PathLike):
        with _open_path(Path(source), name) as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode):
                _check_bytes(status.st_size, name, max_bytes)
                yield file
            else:
                yield _drained(file, name, max_bytes)
    else:
        yield _drained(source, name, max_bytes)


def _open_path(path: Path, name: str) -> io.FileIO:
    try:
        return io.FileIO(path)
    except IsADirectoryError as error:
        raise AudioNotFoundError(f"{name} is a folder; wanted a recording; name a file in it") from error
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise AudioNotFoundError(f"there is no file {name}; wanted a recording; check the path") from error
    except OSError as error:
        raise AudioNotFoundError(f"{name} cannot be opened: {error.strerror}; check its permissions") from error


def _drained(stream: BinaryIO | io.FileIO, name: str, max_bytes: int) -> BinaryIO:
    held = Memory()
    try:
        while block := stream.read(2**20):
            held.write(block)
            _check_bytes(held.tell(), name, max_bytes)
    except OSError as error:
        raise AudioNotFoundError(f"{name} cannot be read: {error.strerror or error}; try again or copy it") from error
    return held


def _check_bytes(size: int, name: str, max_bytes: int) -> None:
    if size > max_bytes:
        raise AudioTooLongError(
            f"{name} has {size:,} bytes or more; at most {max_bytes:,} are read; cut it or store it as flac or mp3"
        )


def _format_for(path: str | os.PathLike[str]) -> tuple[str, str | None]:
    ending = Path(path).suffix.lower()
    if ending not in _WRITABLE:
        raise OutputError(f"cannot write {str(path)!r}: the ending is {ending!r}; wanted one of {', '.join(_WRITABLE)}")
    return _WRITABLE[ending]
