"""Bad recordings through the whole program: one clear line, exit code 1, and nothing written."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

Program = Callable[..., Any]
Maker = Callable[[Path], None]


def noise(samples: int, level: float = 0.1, channels: int = 1) -> np.ndarray:
    return level * np.random.default_rng(0).uniform(-1, 1, (samples, channels))


def wav(samples: np.ndarray, rate: int = 16_000, subtype: str = "PCM_16") -> Maker:
    return lambda path: soundfile.write(path, samples, rate, format="WAV", subtype=subtype)


def raw(data: bytes) -> Maker:
    return lambda path: path.write_bytes(data) and None


def truncated(path: Path) -> None:
    wav(noise(16_000))(path)
    path.write_bytes(path.read_bytes()[:9_000])


def with_rate(rate: int) -> Maker:
    def make(path: Path) -> None:
        wav(noise(16_000))(path)
        data = bytearray(path.read_bytes())
        data[24:28] = struct.pack("<I", rate)
        path.write_bytes(data)

    return make


def three_hours(path: Path) -> None:
    """A sparse file: it takes no room on the disk."""
    wav(noise(16_000))(path)
    size = 3 * 3600 * 16_000 * 2
    with path.open("r+b") as file:
        file.seek(4)
        file.write(struct.pack("<I", 36 + size))
        file.seek(40)
        file.write(struct.pack("<I", size))
        file.truncate(44 + size)


def bomb(path: Path) -> None:
    """Half an hour of near silence at 8 kHz in a few hundred kilobytes."""
    soundfile.write(path, np.zeros(8_000 * 1_900, dtype=np.int16), 8_000, format="FLAC")
    assert path.stat().st_size < 500_000


BAD: dict[str, tuple[Maker, str]] = {
    "empty": (raw(b""), "is empty (0 bytes); wanted wav, flac, ogg or mp3"),
    "header only": (wav(noise(0)), "without sound (0 samples)"),
    "no audio": (raw(b"Dear Sir or Madam, " * 40), "is no recording that can be read"),
    "another kind": (raw(b"\x00\x00\x00\x20ftypM4A " + bytes(100)), "is an MP4, M4A or MOV file"),
    "truncated": (truncated, "is cut short"),
    "silence": (wav(np.zeros(32_000)), "is silent from end to end (2.00 s); wanted speech"),
    "one sample": (wav(noise(1)), "wanted at least 0.1 s"),
    "20 ms": (wav(noise(320)), "lasts 0.0200 s (320 samples at 16000 Hz); wanted at least 0.1 s"),
    "three hours": (three_hours, "the most that is read; cut it into shorter recordings"),
    "bomb": (bomb, "the most that is read; cut it into shorter recordings"),
    "NaN": (wav(np.full(16_000, np.nan), subtype="FLOAT"), "holds NaN or infinite samples"),
    "far too loud": (wav(noise(16_000, 1e9), subtype="FLOAT"), "wanted full scale at 1.0"),
    "rate 1": (with_rate(1), "claims 1 samples per second; wanted 4000 to 384000"),
    "rate 4e9": (with_rate(4_000_000_000), "can be read"),
}
"""What is bad about a recording, how it is made, and what must be said about it."""


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_question_gives_one_line_and_no_answer(
    program: Program, tiny_nano: Path, tmp_path: Path, here: Path, kind: str
) -> None:
    make, says = BAD[kind]
    make(tmp_path / "question.wav")
    (here / "answer.wav").write_bytes(b"an older answer")
    for arguments in (["reply"], ["transcribe"]):
        outcome = program(*arguments, tmp_path / "question.wav", "-m", tiny_nano)
        assert outcome.code == 1
        assert outcome.out == ""
        if says == "can be read":  # libraries differ in what they take such a header for
            assert "question.wav'" in outcome.complaint
        else:
            assert says in outcome.complaint
    assert [(path.name, path.read_bytes()) for path in here.iterdir()] == [("answer.wav", b"an older answer")]


@pytest.mark.parametrize(
    "make",
    [
        wav(noise(8_000), 8_000),
        wav(noise(192_000), 192_000),
        wav(noise(16_000, channels=6), 16_000),
        wav(noise(16_000, level=1.0), 16_000),
        wav(noise(16_000, level=0.2), 44_100, "FLOAT"),
    ],
    ids=["8 kHz", "192 kHz", "6 channels", "full-scale noise", "44.1 kHz floats"],
)
def test_what_is_only_unusual_is_answered(
    program: Program, tiny_nano: Path, tmp_path: Path, here: Path, make: Maker
) -> None:
    make(tmp_path / "question.wav")
    outcome = program("reply", tmp_path / "question.wav", "-m", tiny_nano, "--max-seconds", "0.5", "--seed", "1")
    assert outcome.code == 0, outcome.err
    assert soundfile.info(here / "answer.wav").frames > 0


@pytest.mark.parametrize("make", [BAD[kind][0] for kind in ("empty", "no audio", "truncated", "silence", "20 ms")])
def test_a_bad_voice_gives_one_line_and_no_sound(
    program: Program, tiny_nano: Path, tmp_path: Path, here: Path, make: Maker
) -> None:
    make(tmp_path / "voice.wav")
    outcome = program("say", "Hello.", "-o", "hello.wav", "-m", tiny_nano, "--voice", tmp_path / "voice.wav")
    assert outcome.code == 1
    assert "voice" in outcome.complaint
    assert not list(here.iterdir())
