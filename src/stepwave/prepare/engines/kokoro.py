"""Kokoro-82M (Apache-2.0) through ONNX Runtime: many voices, and blends of two.

Phonemes come from espeak-ng by way of misaki. Texts of other languages than English are not spoken here.
"""

import json
from functools import cached_property
from typing import Any

import numpy as np

from stepwave.facts.errors import MissingExtraError, ServiceError
from stepwave.prepare.engines.contract import Samples, trim
from stepwave.prepare.starting_points import StartingPoints

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
                raise ServiceError(f"Kokoro has no voice {part!r}; it has {', '.join(KOKORO_ENGLISH)}")
            tables.append(np.fromfile(path, np.float32).reshape(510, 256))
        mixed: Samples = np.mean(tables, axis=0, dtype=np.float32)
        return mixed

    def speak(self, text: str, style: Samples, accent: str, speed: float) -> Samples:
        """Speak `text` in a style; returns float32 at 24 kHz, silence at both ends trimmed to 60 ms."""
        phonemes, _ = self.phonemizers["b" if accent == "b" else "a"](text)
        tokens = [self.vocabulary[symbol] for symbol in phonemes if symbol in self.vocabulary]
        if not 0 < len(tokens) <= KOKORO_MAX_PHONEMES:
            raise ServiceError(f"{text[:40]!r} has {len(tokens)} phonemes, wanted 1 to {KOKORO_MAX_PHONEMES}")
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
