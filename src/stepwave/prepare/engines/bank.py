"""Voices that speak text offline, behind one contract: `Voice.speak(text) -> samples`.

Kokoro (many voices, and blends of two), Piper's `joe`, and the small rule-based voices flite and espeak-ng. A voice
is named by a string such as `kokoro/af_heart`, `kokoro/af_sky+am_adam`, `piper/joe`, `flite/slt` or
`espeak/en-us+f3`, so that a manifest can hold it. What is spoken, and by whom, is decided elsewhere.
"""

import io
import json
import shutil
import subprocess
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from stepwave.facts.errors import MissingExtraError
from stepwave.prepare.starting_points import StartingPointError, StartingPoints
from stepwave.signal.resample import resample

Samples = NDArray[np.float32]

SYNTHESIS_RATE = 24_000
"""Every voice is brought to this sample rate, in Hz."""

KOKORO_ENGLISH = [
    "af_alloy",
    "af_aoede",
    "af_bella",
    "af_heart",
    "af_jessica",
    "af_kore",
    "af_nicole",
    "af_nova",
    "af_river",
    "af_sarah",
    "af_sky",
    "am_adam",
    "am_echo",
    "am_eric",
    "am_fenrir",
    "am_liam",
    "am_michael",
    "am_onyx",
    "am_puck",
    "am_santa",
    "bf_alice",
    "bf_emma",
    "bf_isabella",
    "bf_lily",
    "bm_daniel",
    "bm_fable",
    "bm_george",
    "bm_lewis",
]
"""Kokoro's English voices; the first letter is the accent (American, British)."""

KOKORO_MAX_PHONEMES = 500
"""Kokoro's style table has 510 rows, one per phoneme count; longer texts are refused."""


class Voice(Protocol):
    """Anything that turns a text into sound at `SYNTHESIS_RATE`."""

    def speak(self, text: str, speed: float = 1.0) -> Samples:
        """Speak one sentence; returns float32 samples in [-1, 1] at 24 kHz."""
        ...


class Kokoro:
    """Kokoro-82M through ONNX Runtime; one session serves every style."""

    def __init__(self, points: StartingPoints, threads: int = 1) -> None:
        self.folder = points.kokoro
        self.threads = threads
        self.vocabulary: dict[str, int] = json.loads((self.folder / "vocab.json").read_text())["vocab"]

    @cached_property
    def session(self) -> Any:
        """The ONNX Runtime session, opened at first use."""
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError("train") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(str(self.folder / "model.onnx"), options, ["CPUExecutionProvider"])

    @cached_property
    def phonemizers(self) -> dict[str, Any]:
        """Grapheme-to-phoneme converters by accent."""
        try:
            from misaki.espeak import EspeakG2P
        except ImportError:
            raise MissingExtraError("train") from None
        return {"a": EspeakG2P(language="en-us"), "b": EspeakG2P(language="en-gb")}

    def style(self, name: str) -> Samples:
        """Style table `[510, 256]` of a voice, or the mean of two joined by `+`."""
        tables = []
        for part in name.split("+"):
            path = self.folder / "voices" / f"{part}.bin"
            if not path.exists():
                raise StartingPointError(f"Kokoro has no voice {part!r}; it has {', '.join(KOKORO_ENGLISH)}")
            tables.append(np.fromfile(path, np.float32).reshape(510, 256))
        mixed: Samples = np.mean(tables, axis=0, dtype=np.float32)
        return mixed

    def speak(self, text: str, style: Samples, accent: str, speed: float) -> Samples:
        """Speak `text` in a style; returns float32 at 24 kHz, silence at both ends trimmed to 60 ms."""
        phonemes, _ = self.phonemizers["b" if accent == "b" else "a"](text)
        tokens = [self.vocabulary[symbol] for symbol in phonemes if symbol in self.vocabulary]
        if not 0 < len(tokens) <= KOKORO_MAX_PHONEMES:
            raise StartingPointError(f"{text[:40]!r} has {len(tokens)} phonemes, wanted 1 to {KOKORO_MAX_PHONEMES}")
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style[len(tokens) - 1 : len(tokens)],
            "speed": np.array([speed], dtype=np.float32),
        }
        return trim(np.asarray(self.session.run(None, inputs)[0], np.float32).ravel())


class KokoroVoice:
    """One Kokoro style (or a blend of two) as a `Voice`."""

    def __init__(self, engine: Kokoro, name: str) -> None:
        self.engine, self.accent, self.table = engine, name[0], engine.style(name)

    def speak(self, text: str, speed: float = 1.0) -> Samples:
        """See `Voice.speak`."""
        return self.engine.speak(text, self.table, self.accent, speed)


class PiperVoice:
    """Piper's VITS voice `joe` (CC0) through ONNX Runtime, with espeak-ng phonemes.

    `even` takes the chance out of its durations and half of it out of its sound: the same words then nearly always
    sound the same, which is what a small model can learn to say.
    """

    def __init__(self, points: StartingPoints, threads: int = 1, *, even: bool = False) -> None:
        self.even = even
        try:
            import misaki.espeak  # noqa: F401  (points phonemizer to the bundled espeak-ng library)
            import onnxruntime
            from phonemizer.backend import EspeakBackend
        except ImportError:
            raise MissingExtraError("train") from None
        self.config = json.loads((points.piper / "joe.onnx.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(points.piper / "joe.onnx"), options, ["CPUExecutionProvider"])
        self.phonemizer = EspeakBackend("en-us", preserve_punctuation=True, with_stress=True)

    def speak(self, text: str, speed: float = 1.0) -> Samples:
        """See `Voice.speak`."""
        table: dict[str, list[int]] = self.config["phoneme_id_map"]
        ids = [*table["^"], *table["_"]]
        for symbol in self.phonemizer.phonemize([text])[0].strip():
            if symbol in table:
                ids += [*table[symbol], *table["_"]]
        ids += table["$"]
        inference = self.config["inference"]
        sound, durations = inference["noise_scale"], inference["noise_w"]
        if self.even:
            sound, durations = sound / 2, 0.0
        scales = np.array([sound, inference["length_scale"] / speed, durations], dtype=np.float32)
        samples = self.session.run(
            None,
            {
                "input": np.array([ids], dtype=np.int64),
                "input_lengths": np.array([len(ids)], dtype=np.int64),
                "scales": scales,
            },
        )[0]
        rate = int(self.config["audio"]["sample_rate"])
        return trim(resample(np.asarray(samples, np.float32).ravel(), rate, SYNTHESIS_RATE))


class CommandVoice:
    """A rule-based voice run as a program that writes a wav: flite or espeak-ng."""

    def __init__(self, program: str, name: str) -> None:
        if shutil.which(program) is None:
            raise StartingPointError(f"{program} is not installed; install the system package {program}")
        self.program, self.name = program, name

    def speak(self, text: str, speed: float = 1.0) -> Samples:
        """See `Voice.speak`."""
        if self.program == "flite":
            stretch = f"duration_stretch={1 / speed:.3f}"
            command = ["flite", "-voice", self.name, "--setf", stretch, "-t", text, "-o", "/dev/stdout"]
        else:
            command = ["espeak-ng", "-v", self.name, "-s", f"{165 * speed:.0f}", "--stdout", "--", text]
        sound = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
        samples, rate = _read_streamed_wav(sound)
        return trim(resample(samples, rate, SYNTHESIS_RATE))


class VoiceBank:
    """Opens voices by name and keeps them open, since a session costs seconds to start."""

    def __init__(self, points: StartingPoints, threads: int = 1) -> None:
        self.points, self.threads = points, threads
        self.open: dict[str, Voice] = {}

    @cached_property
    def kokoro(self) -> Kokoro:
        """The shared Kokoro engine."""
        return Kokoro(self.points, self.threads)

    def __getitem__(self, name: str) -> Voice:
        """The voice called `name`; raises `StartingPointError` for an engine or voice that is not there."""
        if name not in self.open:
            engine, _, voice = name.partition("/")
            if engine == "kokoro":
                self.open[name] = KokoroVoice(self.kokoro, voice)
            elif engine == "piper":
                self.open[name] = PiperVoice(self.points, self.threads, even=voice == "joe-even")
            elif engine in ("flite", "espeak"):
                self.open[name] = CommandVoice("flite" if engine == "flite" else "espeak-ng", voice)
            else:
                raise StartingPointError(f"no engine called {engine!r}; there are kokoro, piper, flite and espeak")
        return self.open[name]


def trim(samples: Samples, threshold: float = 0.01, margin_seconds: float = 0.06) -> Samples:
    """Cut silence from both ends of 24 kHz samples, keeping a margin; all-silent input gives an empty array."""
    loud = np.flatnonzero(np.abs(samples) > threshold)
    if len(loud) == 0:
        return samples[:0]
    margin = int(margin_seconds * SYNTHESIS_RATE)
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def _read_streamed_wav(data: bytes) -> tuple[Samples, int]:
    # A wav written to a pipe declares a bogus length, which libsndfile accepts only when the fields say "unknown".
    patched = bytearray(data)
    start = data.find(b"data")
    patched[4:8] = (len(data) - 8).to_bytes(4, "little")
    patched[start + 4 : start + 8] = (len(data) - start - 8).to_bytes(4, "little")
    samples, rate = soundfile.read(io.BytesIO(bytes(patched)), dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples[:, 0]), int(rate)
