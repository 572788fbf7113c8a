"""From the bytes of a recording to mono samples, block by block, with bounds on what is really decoded.

Each block is checked, cut to one channel and brought to the wanted rate as it comes, so memory follows what is kept and
not what a header claims. Finding and opening files is not done here. Kinds of file that libsndfile can't read (m4a,
webm) are named and refused.
"""

import contextlib
import io
from collections.abc import Iterator
from typing import BinaryIO, Literal, TypeAlias

import numpy as np
import soundfile

from stepwave.facts.errors import AudioEmptyError, AudioFormatError, AudioTooLongError, AudioValueError
from stepwave.signal import containers
from stepwave.signal.resample import Samples, StreamResampler

Channels: TypeAlias = Literal["first", "mean"]

MAX_DECODED_VALUES = 2**28
"""Most decoded numbers (frames times channels) of one recording, whatever its seconds: one GiB as float32."""
MIN_SAMPLE_RATE, MAX_SAMPLE_RATE = 4_000, 384_000
"""Sample rates in Hz that a recording may have; others are taken for a damaged or forged header."""
MAX_CHANNELS = 64
"""Most channels a recording may have."""
MAX_PEAK = 16.0
"""Largest sample of a floating-point file that still passes for one with full scale 1.0."""

_BLOCK_VALUES = 2**18
_FORMATS = frozenset({"WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "AIFF", "CAF", "AU"})
_WANTED = "wanted wav, flac, ogg or mp3"
_CONVERT = "convert it, for example with: ffmpeg -i INPUT -ar 16000 -ac 1 out.wav"
_FETCH_AGAIN = "copy or record it again, or convert what is left of it with ffmpeg"
_UNANNOUNCED = np.iinfo(np.int64).max  # libsndfile's frame count for a FLAC that was written to a pipe
_LOSSY_SLACK_FRAMES = 2304  # decoders differ by up to two MP3 frames in what they drop at the ends


def decode(
    file: BinaryIO, name: str, sample_rate: int | None, channels: Channels, max_seconds: float
) -> tuple[Samples, int]:
    """Decode a seekable `file`, called `name` in messages: (float32 [n], rate), at its own rate for None.

    Raises the errors of `read_audio`, except those about finding a file and about its least length.
    """
    size = containers.size_of(file)
    if size == 0:
        raise AudioEmptyError(f"{name} is empty (0 bytes); {_WANTED}; record or copy it again")
    cut = containers.cut_short(file, size)
    if cut:
        raise AudioFormatError(f"{name} is cut short: {cut}; {_FETCH_AGAIN}")
    with _decoder(file, name) as sound:
        rate = sample_rate or sound.samplerate
        samples, decoded = _read_blocks(sound, name, rate, channels, max_seconds)
        _check_complete(sound, decoded, file, name)
    if decoded == 0:
        raise AudioEmptyError(f"{name} is a {sound.format} file without sound (0 samples); record or copy it again")
    return samples, rate


class _ForwardSoundFile(soundfile.SoundFile):  # type: ignore[misc]
    """A decoder that is only read from start to end.

    The library otherwise seeks after every block, which fails at the end of a FLAC of unannounced length.
    """

    def seekable(self) -> bool:
        return False


@contextlib.contextmanager
def _decoder(file: BinaryIO, name: str) -> Iterator[soundfile.SoundFile]:
    """Open the decoder and turn each of its failures into one clear line."""
    file.seek(0)
    kind = containers.foreign_kind(file.read(containers.HEAD_BYTES))
    if kind:
        raise AudioFormatError(f"{name} is {kind}; {_WANTED}; {_CONVERT}")
    file.seek(0)
    # A descriptor and not the file object, whose name's ending would choose the format.
    handle = file.fileno() if isinstance(file, io.FileIO) else file
    try:
        sound = _ForwardSoundFile(handle, closefd=False)
    except soundfile.LibsndfileError as error:
        raise AudioFormatError(
            f"{name} is no recording that can be read ({_why(error)}); {_WANTED}; {_CONVERT}"
        ) from error
    with sound:
        _check_header(sound, name)
        try:
            yield sound
        except soundfile.LibsndfileError as error:
            raise AudioFormatError(f"{name} is damaged or cut short ({_why(error)}); {_FETCH_AGAIN}") from error


def _why(error: soundfile.LibsndfileError) -> str:
    return str(error.error_string).strip().removeprefix("Error : ").rstrip(".")


def _check_header(sound: soundfile.SoundFile, name: str) -> None:
    if sound.format not in _FORMATS:
        raise AudioFormatError(f"{name} is a {sound.format} file; {_WANTED}; {_CONVERT}")
    if not MIN_SAMPLE_RATE <= sound.samplerate <= MAX_SAMPLE_RATE:
        raise AudioFormatError(
            f"{name} claims {sound.samplerate} samples per second; wanted {MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}; "
            "its header is damaged or wrong: set the true rate or record it again"
        )
    if sound.channels > MAX_CHANNELS:
        raise AudioFormatError(f"{name} has {sound.channels} channels; at most {MAX_CHANNELS} are read; {_CONVERT}")


def _read_blocks(
    sound: soundfile.SoundFile, name: str, to_rate: int, channels: Channels, max_seconds: float
) -> tuple[Samples, int]:
    """Decode to the end or to a bound: (one channel at `to_rate` [n], number of frames decoded)."""
    width, rate = sound.channels, sound.samplerate
    buffer = np.empty((_BLOCK_VALUES // width, width), dtype=np.float32)
    resampler = StreamResampler(rate, to_rate)
    kept: list[Samples] = []
    decoded = 0
    while count := sound.buffer_read_into(buffer, "float32"):
        decoded += count
        if decoded > max_seconds * rate:
            raise AudioTooLongError(
                f"{name} lasts more than {max_seconds:g} s, the most that is read; cut it into shorter recordings"
            )
        if decoded * width > MAX_DECODED_VALUES:
            raise AudioTooLongError(
                f"{name} holds more than {MAX_DECODED_VALUES:,} numbers ({width} channels at {rate} Hz), "
                f"the most that is decoded; cut it, or {_CONVERT}"
            )
        block = buffer[:count, 0] if channels == "first" else buffer[:count].mean(axis=1)
        _check_values(block, name)
        kept.append(resampler.push(block))
    kept.append(resampler.finish())
    return np.concatenate(kept), decoded


def _check_values(block: Samples, name: str) -> None:
    peak = float(np.abs(block).max())
    if not np.isfinite(peak):
        raise AudioValueError(f"{name} holds NaN or infinite samples; wanted finite ones; export it as 16-bit wav")
    if peak > MAX_PEAK:
        raise AudioValueError(
            f"{name} has samples up to {peak:.4g}; wanted full scale at 1.0; scale it down or export it as 16-bit wav"
        )


def _check_complete(sound: soundfile.SoundFile, decoded: int, file: BinaryIO, name: str) -> None:
    """Compare what the file announces with what came out of it, where the announcement can be trusted."""
    slack = {"FLAC": 0, "OGG": _LOSSY_SLACK_FRAMES, "MP3": _LOSSY_SLACK_FRAMES}.get(sound.format)
    announced = sound.frames
    if slack is None or announced == _UNANNOUNCED or decoded >= announced - slack:
        return
    if sound.format != "MP3" or containers.counts_its_frames(file):
        raise AudioFormatError(
            f"{name} is damaged or cut short: it announces {announced / sound.samplerate:.2f} s and "
            f"{decoded / sound.samplerate:.2f} s can be read; {_FETCH_AGAIN}"
        )
