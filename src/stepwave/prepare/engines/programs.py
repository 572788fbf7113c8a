"""Small voices run as programs of the system that write a wav: flite, festival and espeak-ng."""

import io
import shutil
import subprocess
from typing import Final

import numpy as np
import soundfile

from stepwave.facts.errors import ServiceError
from stepwave.prepare.engines.contract import SYNTHESIS_RATE, Samples, trim
from stepwave.signal.resample import resample

PROGRAMS: Final = {"flite": "flite", "espeak": "espeak-ng", "festival": "text2wave"}
"""Programs by the engine's name."""
PACKAGES: Final = {"flite": "flite", "espeak": "espeak-ng", "festival": "festival"}
"""System packages that bring them."""
LONGEST_RUN_SECONDS: Final = 60.0
"""A program that takes longer for a sentence hangs."""
WORDS_PER_MINUTE: Final = 165
"""espeak-ng's pace at speed 1."""


class CommandVoice:
    """A voice that a program speaks with. Raises ServiceError where the program is not installed."""

    def __init__(self, engine: str, name: str) -> None:
        if shutil.which(PROGRAMS[engine]) is None:
            raise ServiceError(f"{PROGRAMS[engine]} is not installed; install the system package {PACKAGES[engine]}")
        self.engine, self.name = engine, name

    def speak(self, text: str, speed: float = 1.0) -> Samples:
        """See `Voice.speak`. Raises ServiceError where the program fails, hangs or writes no sound."""
        if self.engine == "flite":
            stretch = f"duration_stretch={1 / speed:.3f}"
            command = ["flite", "-voice", self.name, "--setf", stretch, "-t", text, "-o", "/dev/stdout"]
        elif self.engine == "festival":
            stretch = f"(Parameter.set 'Duration_Stretch {1 / speed:.3f})"
            command = ["text2wave", "-eval", f"(voice_{self.name})", "-eval", stretch, "-o", "-"]
        else:
            command = ["espeak-ng", "-v", self.name, "-s", f"{WORDS_PER_MINUTE * speed:.0f}", "--stdout", "--", text]
        given = text.encode() if self.engine == "festival" else None
        try:
            done = subprocess.run(command, check=True, capture_output=True, timeout=LONGEST_RUN_SECONDS, input=given)
            if not done.stdout.startswith(b"RIFF"):  # festival ends well and says nothing where a voice is missing
                said = done.stderr.decode(errors="replace").strip()[-200:]
                raise ServiceError(f"{command[0]} gave no sound for {text[:40]!r} ({said or 'it said nothing'})")
            samples, rate = _read_streamed_wav(done.stdout)
        except subprocess.TimeoutExpired:
            raise ServiceError(f"{command[0]} took over {LONGEST_RUN_SECONDS:g} s for {text[:40]!r}") from None
        except (subprocess.CalledProcessError, soundfile.LibsndfileError) as problem:
            raise ServiceError(f"{command[0]} gave no sound for {text[:40]!r} ({problem})") from None
        return trim(resample(samples, rate, SYNTHESIS_RATE))


def _read_streamed_wav(data: bytes) -> tuple[Samples, int]:
    # A wav written to a pipe declares a bogus length, which libsndfile accepts only when the fields say "unknown".
    patched = bytearray(data)
    start = data.find(b"data")
    patched[4:8] = (len(data) - 8).to_bytes(4, "little")
    patched[start + 4 : start + 8] = (len(data) - start - 8).to_bytes(4, "little")
    samples, rate = soundfile.read(io.BytesIO(bytes(patched)), dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples[:, 0]), int(rate)
