"""Voices that programs speak with, by programs that stand in for them on the path."""

import stat
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from stepwave.facts.errors import ServiceError
from stepwave.prepare.engines import programs
from stepwave.prepare.engines.contract import SYNTHESIS_RATE
from stepwave.prepare.engines.programs import CommandVoice


def install(folder: Path, name: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


def wav(seconds: float) -> bytes:
    """As written to a pipe: the lengths in its header are bogus."""
    samples = (8_000 * np.sin(np.arange(int(16_000 * seconds)) * 0.1)).astype("<i2").tobytes()
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 0x7FFFFFFF, b"WAVE", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16,
                         b"data", 0x7FFFFFFF)  # fmt: skip
    return header + samples


@pytest.mark.parametrize(
    ("engine", "program"), [("flite", "flite"), ("espeak", "espeak-ng"), ("festival", "text2wave")]
)
def test_a_program_is_told_text_voice_and_pace(
    engine: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "told"
    body = (
        f"open({str(note)!r}, 'w').write(repr(sys.argv[1:]) + (sys.stdin.read() if {engine == 'festival'} else ''))\n"
        f"sys.stdout.buffer.write({wav(0.5)!r})"
    )
    install(tmp_path, program, body, monkeypatch)
    samples = CommandVoice(engine, "anna").speak("Good morning.", 0.8)
    assert len(samples) / SYNTHESIS_RATE == pytest.approx(0.5, abs=0.01)
    told = note.read_text()
    assert "Good morning." in told
    assert "anna" in told
    assert {"flite": "1.250", "espeak": "'132'", "festival": "1.250"}[engine] in told


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("sys.exit(3)", "gave no sound"),
        ("sys.stdout.write('no sound')", "gave no sound"),
        ("sys.stderr.write('unbound variable: voice_slt')", "gave no sound .*unbound variable: voice_slt"),
        ("", "gave no sound .*it said nothing"),
        ("time.sleep(60)", r"took over 0\.5 s"),
    ],
    ids=["fails", "babbles", "lacks the voice", "is silent", "hangs"],
)
def test_a_program_that_does_not_speak_is_told(
    body: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "flite", body, monkeypatch)
    monkeypatch.setattr(programs, "LONGEST_RUN_SECONDS", 0.5)
    with pytest.raises(ServiceError, match=complaint):
        CommandVoice("flite", "slt").speak("Hello.")


def test_a_program_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceError, match="install the system package espeak-ng"):
        CommandVoice("espeak", "en-us")
