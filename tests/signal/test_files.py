"""Reading and writing recordings that are as they should be: formats, sources, channels, rates."""

import io
import math
import os
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from stepwave.facts.errors import AudioEmptyError, AudioTooLongError, AudioValueError, OutputError
from stepwave.signal.files import check_audio_target, read_audio, write_audio

Samples = npt.NDArray[np.float32]


def tone(seconds: float, rate: int, hertz: float = 440.0) -> Samples:
    return (0.5 * np.sin(2 * math.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def encoded(samples: Samples, rate: int, file_format: str = "WAV", subtype: str | None = None) -> bytes:
    held = io.BytesIO()
    soundfile.write(held, samples, rate, format=file_format, subtype=subtype)
    return held.getvalue()


@pytest.mark.parametrize(
    ("file_format", "subtype", "closeness"),
    [
        ("WAV", "PCM_U8", 1e-2),
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "FLOAT", 0.0),
        ("WAV", "DOUBLE", 0.0),
        ("WAV", "ULAW", 0.03),
        ("WAVEX", "PCM_16", 1e-4),
        ("RF64", "PCM_16", 1e-4),
        ("AIFF", "PCM_16", 1e-4),
        ("FLAC", "PCM_16", 1e-4),
        ("OGG", "VORBIS", 0.1),
        ("MP3", None, 0.1),
    ],
)
def test_every_format_gives_its_samples(file_format: str, subtype: str | None, closeness: float) -> None:
    wanted = tone(0.5, 16_000)
    audio = read_audio(encoded(wanted, 16_000, file_format, subtype))
    assert audio.sample_rate == 16_000
    assert audio.seconds == 0.5
    assert audio.samples.dtype == np.float32
    assert audio.samples.shape == wanted.shape
    assert np.abs(audio.samples - wanted)[1_000:-1_000].max() <= closeness


def test_opus_in_ogg_is_read() -> None:
    audio = read_audio(encoded(tone(0.5, 48_000), 48_000, "OGG", "OPUS"))
    assert (audio.sample_rate, len(audio.samples)) == (16_000, 8_000)


def test_path_string_bytes_and_streams_give_the_same(tmp_path: Path) -> None:
    data = encoded(tone(0.1, 16_000), 16_000)
    path = tmp_path / "name ends in.raw"
    path.write_bytes(data)
    wanted = read_audio(data).samples

    class Pipe(io.RawIOBase):
        """A stream that can't seek and gives little at a time."""

        def __init__(self) -> None:
            self.rest = data

        def read(self, size: int = -1) -> bytes:
            piece, self.rest = self.rest[:700], self.rest[700:]
            return piece

    after_start = io.BytesIO(b"skipped" + data)
    after_start.seek(7)
    for source in (path, str(path), bytearray(data), memoryview(data), io.BytesIO(data), after_start, Pipe()):
        assert np.array_equal(read_audio(source).samples, wanted)
    with path.open("rb") as file:
        assert np.array_equal(read_audio(file).samples, wanted)


def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = encoded(tone(0.1, 16_000), 16_000)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    audio = read_audio(pipe)
    writer.join()
    assert len(audio.samples) == 1_600


def test_channels_first_or_mean() -> None:
    left, right = tone(0.1, 16_000, 300), tone(0.1, 16_000, 500)
    data = encoded(np.stack([left, right], axis=1), 16_000, subtype="FLOAT")
    assert np.array_equal(read_audio(data).samples, left)
    assert np.allclose(read_audio(data, channels="mean").samples, (left + right) / 2, atol=1e-7)
    with pytest.raises(ValueError, match="'first' or 'mean'"):
        read_audio(data, channels="last")  # type: ignore[arg-type]


def test_six_channels() -> None:
    data = encoded(np.stack([tone(0.1, 48_000, 200 + 100 * c) for c in range(6)], axis=1), 48_000)
    assert np.allclose(read_audio(data).samples[200:-200], tone(0.1, 16_000, 200)[200:-200], atol=1e-3)


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 44_100, 192_000, 384_000])
def test_other_rates_become_16_khz(rate: int) -> None:
    audio = read_audio(encoded(tone(1.0, rate), rate))
    assert audio.sample_rate == 16_000
    assert len(audio.samples) == 16_000
    assert np.abs(audio.samples - tone(1.0, 16_000))[400:-400].max() < 2e-3


def test_the_files_own_rate_and_another() -> None:
    data = encoded(tone(0.5, 44_100), 44_100)
    assert read_audio(data, sample_rate=None).sample_rate == 44_100
    assert len(read_audio(data, sample_rate=None).samples) == 22_050
    assert len(read_audio(data, sample_rate=24_000).samples) == 12_000


def test_many_blocks_give_the_same_as_one_reading() -> None:
    wanted = np.random.default_rng(0).uniform(-0.5, 0.5, 2**18 + 12_345).astype(np.float32)
    assert np.array_equal(read_audio(encoded(wanted, 16_000, subtype="FLOAT")).samples, wanted)


def test_one_sample_and_20_ms_are_read() -> None:
    assert len(read_audio(encoded(np.ones(1, dtype=np.float32), 16_000)).samples) == 1
    assert len(read_audio(encoded(tone(0.02, 16_000), 16_000)).samples) == 320


def test_full_scale_noise_and_silence_are_read() -> None:
    noise = np.random.default_rng(0).choice([-1.0, 1.0], 1_600).astype(np.float32)
    assert np.abs(read_audio(encoded(noise, 16_000)).samples).max() == pytest.approx(1.0, abs=1e-4)
    assert not read_audio(encoded(np.zeros(1_600, dtype=np.float32), 16_000)).samples.any()


def test_exactly_the_longest_is_read() -> None:
    data = encoded(tone(1.0, 16_000), 16_000)
    assert read_audio(data, max_seconds=1.0).seconds == 1.0
    assert read_audio(data, max_seconds=math.inf, max_bytes=len(data)).seconds == 1.0
    with pytest.raises(AudioTooLongError):
        read_audio(data, max_seconds=0.999)


@pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg", ".mp3", ".WAV"])
def test_what_is_written_is_read_again(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    wanted = tone(0.5, 24_000)
    write_audio(path, wanted, 24_000)
    audio = read_audio(path, sample_rate=None)
    assert audio.sample_rate == 24_000
    assert len(audio.samples) == len(wanted)
    assert np.abs(audio.samples - wanted)[2_000:-2_000].max() < (0.1 if ending in {".ogg", ".mp3"} else 1e-4)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_louder_than_full_scale_is_clipped_and_not_wrapped(tmp_path: Path) -> None:
    write_audio(tmp_path / "loud.wav", np.array([2.0, -2.0, 0.5], dtype=np.float32), 24_000)
    read = read_audio(tmp_path / "loud.wav", sample_rate=None).samples
    assert read.tolist() == pytest.approx([1.0, -1.0, 0.5], abs=1e-4)


def test_minutes_of_vorbis_are_written(tmp_path: Path) -> None:
    write_audio(tmp_path / "long.ogg", np.zeros(24_000 * 120, dtype=np.float32), 24_000)
    assert read_audio(tmp_path / "long.ogg").seconds == 120.0


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("out.xyz", "ending is '.xyz'; wanted one of .wav, .flac, .ogg, .mp3"),
        ("out", "ending is ''"),
        ("missing/out.wav", "that folder does not exist"),
        ("file.txt/out.wav", "that folder does not exist"),
        ("folder.wav", "it is a folder"),
        ("n" * 300 + ".wav", "name is too long"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "file.txt").touch()
    before = sorted(tmp_path.iterdir())
    for attempt in (
        lambda: check_audio_target(tmp_path / name),
        lambda: write_audio(tmp_path / name, tone(0.1, 24_000), 24_000),
    ):
        with pytest.raises(OutputError) as caught:
            attempt()
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_rate_the_format_lacks_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"as MP3 at 96000 Hz: .*; choose \.wav"):
        write_audio(tmp_path / "out.mp3", tone(0.1, 96_000), 96_000)
    assert not list(tmp_path.iterdir())


def test_sound_that_is_none_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with pytest.raises(AudioEmptyError, match="no sound to write"):
        write_audio(path, np.zeros(0, dtype=np.float32), 24_000)
    with pytest.raises(AudioValueError, match="NaN or infinite"):
        write_audio(path, np.array([0.0, np.nan], dtype=np.float32), 24_000)
    with pytest.raises(ValueError, match="floating-point"):
        write_audio(path, np.zeros(5, dtype=np.int16), 24_000)  # type: ignore[arg-type]
    assert not path.exists()
