"""Recordings that can't be used: each gives one clear line, soon and in bounded memory."""

import io
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from stepwave.facts.errors import (
    AudioEmptyError,
    AudioError,
    AudioFormatError,
    AudioNotFoundError,
    AudioTooLongError,
    AudioTooShortError,
    AudioValueError,
)
from stepwave.signal import decoding
from stepwave.signal.files import read_audio

Samples = npt.NDArray[np.float32]


def noise(samples: int = 16_000, channels: int = 1) -> Samples:
    generator = np.random.default_rng(0)
    shape = samples if channels == 1 else (samples, channels)
    return (0.1 * generator.standard_normal(shape)).astype(np.float32)


def encoded(
    samples: Samples, rate: int = 16_000, file_format: str = "WAV", subtype: str | None = None, **how: str
) -> bytes:
    held = io.BytesIO()
    soundfile.write(held, samples, rate, format=file_format, subtype=subtype, **how)
    return held.getvalue()


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def wav_with(offset: int, layout: str, value: int) -> bytes:
    """A second of sound whose header says something else: 22 channels, 24 rate, 40 bytes of sound."""
    return patched(encoded(noise()), offset, struct.pack(layout, value))


def flac_with(rate: int | None = None, frames: int | None = None) -> bytes:
    """A second of sound whose stream information is forged: 20 bits of rate, 36 bits of length."""
    data = encoded(noise(), file_format="FLAC")
    fields = int.from_bytes(data[18:26], "big")
    if rate is not None:
        fields = fields & (1 << 44) - 1 | rate << 44
    if frames is not None:
        fields = fields >> 36 << 36 | frames
    return patched(data, 18, fields.to_bytes(8, "big"))


def refusal(source: object, wanted: type[AudioError], **settings: float) -> str:
    """Read, expect exactly this error, and return its one line."""
    with pytest.raises(AudioError) as caught:
        read_audio(source, **settings)  # type: ignore[arg-type]
    assert type(caught.value) is wanted
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"hello, this is no sound. " * 50, "no recording that can be read"),
        (b"\x00" * 5_000, "no recording that can be read"),
        (bytes(range(256)) * 20, "no recording that can be read"),
        (b"R", "no recording that can be read"),
        (b"RIFF", "no recording that can be read"),
        (b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + b"junk" * 100, "no recording that can be read"),
        (b"\x00\x00\x00\x20ftypM4A " + b"\x00" * 100, "an MP4, M4A or MOV file"),
        (b"\x1aE\xdf\xa3" + b"\x00" * 100, "a WebM or Matroska file"),
        (b"PK\x03\x04" + b"\x00" * 100, "a zip archive"),
    ],
)
def test_what_is_no_audio(data: bytes, says: str) -> None:
    message = refusal(data, AudioFormatError)
    assert says in message
    assert "wanted wav, flac, ogg or mp3" in message
    assert "ffmpeg -i INPUT" in message


def test_a_kind_of_audio_nobody_asked_for() -> None:
    assert "is a HTK file" in refusal(encoded(noise(), file_format="HTK"), AudioFormatError)


def test_empty_files_and_headers_without_sound(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert f"{str(tmp_path / 'empty.wav')!r} is empty (0 bytes)" in refusal(tmp_path / "empty.wav", AudioEmptyError)
    assert "the recording is empty" in refusal(b"", AudioEmptyError)
    assert "the stream is empty" in refusal(io.BytesIO(), AudioEmptyError)
    assert "WAV file without sound" in refusal(encoded(noise(0)), AudioEmptyError)
    assert "OGG file without sound" in refusal(encoded(noise(0), file_format="OGG"), AudioEmptyError)
    assert "WAV file without sound" in refusal(wav_with(40, "<I", 0), AudioEmptyError)


def test_places_without_a_recording(tmp_path: Path) -> None:
    assert "there is no file" in refusal(tmp_path / "none.wav", AudioNotFoundError)
    assert "is a folder" in refusal(tmp_path, AudioNotFoundError)
    assert "there is no file" in refusal("bad\0name.wav", AudioNotFoundError)
    (tmp_path / "plain").touch()
    assert "there is no file" in refusal(tmp_path / "plain" / "a.wav", AudioNotFoundError)
    assert "\\n" in refusal("two\nlines.wav", AudioNotFoundError)


def test_a_file_that_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("stepwave.signal.files.io.FileIO", refuse)
    assert "cannot be opened: Permission denied" in refusal(tmp_path / "a.wav", AudioNotFoundError)


def test_a_stream_that_breaks() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise ConnectionResetError(104, "Connection reset by peer")

    assert "the stream cannot be read: Connection reset" in refusal(Broken(), AudioNotFoundError)


@pytest.mark.parametrize("file_format", ["WAV", "FLAC", "OGG", "MP3"])
@pytest.mark.parametrize("part", [0.003, 0.03, 0.3, 0.9])
def test_a_cut_file_is_not_taken_for_a_whole_one(file_format: str, part: float, tmp_path: Path) -> None:
    data = encoded(noise(48_000), file_format=file_format)
    cut = data[: int(len(data) * part)]
    (tmp_path / "cut").write_bytes(cut)
    message = refusal(cut, AudioFormatError)
    assert "cut short" in message or "no recording that can be read" in message
    refusal(tmp_path / "cut", AudioFormatError)


def test_a_cut_wav_says_what_is_missing() -> None:
    message = refusal(encoded(noise())[:10_044], AudioFormatError)
    assert "announces 32,000 bytes of sound, 10,000 are there; copy or record it again" in message


@pytest.mark.parametrize("file_format", ["FLAC", "OGG", "MP3"])
def test_a_hole_in_the_middle_is_noticed(file_format: str) -> None:
    data = encoded(noise(80_000), file_format=file_format)
    assert "damaged or cut short" in refusal(patched(data, len(data) // 2, bytes(len(data) // 5)), AudioFormatError)


@pytest.mark.parametrize("length", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000])
def test_a_wav_that_was_streamed_and_does_not_know_its_length_is_read(length: int) -> None:
    assert read_audio(wav_with(40, "<I", length)).seconds == 1.0


def test_a_flac_that_was_streamed_and_does_not_know_its_length_is_read() -> None:
    assert read_audio(flac_with(frames=0)).seconds == 1.0


def test_a_variable_mp3_without_its_first_frame_is_read_to_its_end() -> None:
    quiet_and_loud = noise(160_000) * (np.arange(160_000) // 16_000 % 2)
    data = encoded(quiet_and_loud.astype(np.float32), file_format="MP3", bitrate_mode="VARIABLE")
    second_frame = data.index(data[:2], 4)
    assert read_audio(data[second_frame:]).seconds == pytest.approx(10.0, abs=0.1)


def test_a_wav_with_other_chunks_before_its_sound_is_read() -> None:
    data = encoded(noise())
    notes = b"LIST" + struct.pack("<I", 5) + b"notes\0"
    whole = data[:36] + notes + data[36:]
    whole = patched(whole, 4, struct.pack("<I", len(whole) - 8))
    assert read_audio(whole).seconds == 1.0
    assert "cut short" in refusal(whole[:-100], AudioFormatError)


@pytest.mark.parametrize("rate", [1, 100, 3_999, 384_001, 2**31 - 1])
def test_forged_rates_in_wav(rate: int) -> None:
    assert f"claims {rate} samples per second; wanted 4000 to 384000" in refusal(
        wav_with(24, "<I", rate), AudioFormatError
    )


@pytest.mark.parametrize("rate", [0, 2**32 - 1])
def test_rates_that_libsndfile_itself_refuses(rate: int) -> None:
    assert "no recording that can be read" in refusal(wav_with(24, "<I", rate), AudioFormatError)


@pytest.mark.parametrize("rate", [1, 655_350])
def test_forged_rates_in_flac(rate: int) -> None:
    assert f"claims {rate} samples per second" in refusal(flac_with(rate=rate), AudioFormatError)


def test_forged_lengths_in_flac() -> None:
    message = refusal(flac_with(frames=2**36 - 1), AudioFormatError)
    assert "announces 4294967.30 s and 1.00 s can be read" in message


def test_forged_and_excessive_channels() -> None:
    assert "has 1024 channels; at most 64" in refusal(wav_with(22, "<H", 1024), AudioFormatError)
    assert "no recording" in refusal(wav_with(22, "<H", 65_535), AudioFormatError)
    assert "no recording" in refusal(wav_with(22, "<H", 0), AudioFormatError)
    assert len(read_audio(encoded(noise(1_000, 64))).samples) == 1_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", ["first", "mean"])
def test_samples_that_are_no_numbers(value: float, channels: str) -> None:
    samples = noise(channels=2)
    samples[12_345, 0] = value
    with pytest.raises(AudioValueError, match="NaN or infinite samples; wanted finite ones; export it"):
        read_audio(encoded(samples, subtype="FLOAT"), channels=channels)  # type: ignore[arg-type]


def test_samples_on_the_scale_of_16_bit_numbers() -> None:
    samples = noise() * 32_768
    assert "wanted full scale at 1.0" in refusal(encoded(samples, subtype="FLOAT"), AudioValueError)
    assert read_audio(encoded(noise() * 15, subtype="FLOAT")).seconds == 1.0


def test_too_short_for_the_caller_or_for_the_rate() -> None:
    message = refusal(encoded(noise(320)), AudioTooShortError, min_seconds=0.1)
    assert "lasts 0.0200 s (320 samples at 16000 Hz); wanted at least 0.1 s" in message
    assert "0 samples at 16000 Hz" in refusal(encoded(noise(1), rate=48_000), AudioTooShortError)


def long_silence(hours: float, rate: int = 16_000) -> bytes:
    return encoded(np.zeros(int(hours * 3600 * rate), dtype=np.float32), rate, "FLAC")


def peak_memory(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_three_hours_are_refused_without_being_decoded_to_the_end() -> None:
    data = long_silence(3, rate=4_000)
    assert len(data) < 200_000
    message = refusal(data, AudioTooLongError)
    assert "lasts more than 1800 s, the most that is read; cut it into shorter recordings" in message


def test_a_decompression_bomb_takes_memory_only_up_to_the_bound() -> None:
    bomb = long_silence(1)
    assert len(bomb) < 250_000
    used = peak_memory(lambda: refusal(bomb, AudioTooLongError, max_seconds=30))
    assert used < 8 * 2**20


def test_an_hour_is_read_where_an_hour_is_allowed() -> None:
    assert read_audio(long_silence(1, rate=4_000), sample_rate=4_000, max_seconds=3_600).seconds == 3_600


def test_many_channels_cannot_get_round_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_DECODED_VALUES", 100_000)
    message = refusal(encoded(noise(20_000, 6), rate=192_000), AudioTooLongError)
    assert "holds more than 100,000 numbers (6 channels at 192000 Hz)" in message
    assert len(read_audio(encoded(noise(16_000, 6))).samples) == 16_000


def test_a_large_file_or_an_endless_stream_is_refused_by_its_bytes(tmp_path: Path) -> None:
    data = encoded(noise())
    path = tmp_path / "large.wav"
    path.write_bytes(data)
    for source in (data, path, io.BytesIO(data)):
        assert "at most 20,000 are read" in refusal(source, AudioTooLongError, max_bytes=20_000)
    with path.open("r+b") as sparse:
        os.ftruncate(sparse.fileno(), 2**40)
    assert "1,099,511,627,776 bytes or more" in refusal(path, AudioTooLongError)
    assert "at most 3,000,000 are read" in refusal(Path("/dev/zero"), AudioTooLongError, max_bytes=3_000_000)


def test_a_wav_of_endless_empty_chunks_does_not_take_long() -> None:
    chunks = b"RIFF" + struct.pack("<I", 8 * 50_000 + 4) + b"WAVE" + (b"junk" + bytes(4)) * 50_000
    refusal(chunks, AudioFormatError)


def test_a_header_that_sends_the_decoder_before_the_start_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    # The name of the chunk with the sound is lost, and libsndfile then looks for it at a negative place.
    refusal(patched(encoded(noise(), file_format="AIFF"), 38, b"\0"), AudioFormatError)
    assert capfd.readouterr() == ("", "")
