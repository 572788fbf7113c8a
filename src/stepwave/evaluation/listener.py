"""Outside listeners: programs that write down what a sound says, so that spoken answers can be scored as text.

What was heard is kept in a file by the sound's digest, so that scoring again does not listen again.
"""

import hashlib
import math
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from stepwave.checkpoints.inspection import file_digest
from stepwave.evaluation.answers import append_line, read_lines
from stepwave.evaluation.packages import package
from stepwave.facts.errors import CheckpointNotFoundError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples

SHORTEST_SECONDS: Final = 0.1
"""Anything shorter holds no word, and listeners invent some rather than write nothing."""
TOKENS_PER_SECOND: Final = 8
"""Most that Whisper may write per second of sound; quick English has six. On noise it would repeat itself without end,
and one such sound would outweigh a hundred good ones in an error rate."""
_SPARE_TOKENS: Final = 16
_MOST_TOKENS: Final = 400


class Listener(Protocol):
    """Writes down what it hears."""

    name: str
    """What it is, revision and settings included: the same name gives the same text for the same sound."""

    def hear(self, samples: Samples) -> str:
        """The words in a sound `[n]` at 16 kHz."""
        ...


class WhisperListener:
    """Whisper in CTranslate2's format, int8, greedy, English, offline. Opened when the first sound comes.

    Raises CheckpointNotFoundError where `folder` holds no such model; MissingExtraError.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        for file in ("model.bin", "tokenizer.json"):
            if not (folder / file).is_file():
                raise CheckpointNotFoundError(
                    f"{folder} has no {file}: a Whisper model in CTranslate2's format is wanted to listen to answers; "
                    "run `stepwave prepare nano`, which brings one, or name its folder with --listener"
                )
        self.folder, self.threads = folder, threads
        digest = file_digest(folder / "model.bin")[:8]
        version = package("faster_whisper").__version__
        self.name = (
            f"{folder.name} {digest}, int8, greedy, en, {TOKENS_PER_SECOND} tokens a second (faster-whisper {version})"
        )
        self._model: Any = None

    def hear(self, samples: Samples) -> str:
        """See `Listener.hear`."""
        if self._model is None:
            self._model = package("faster_whisper").WhisperModel(
                str(self.folder), device="cpu", compute_type="int8", cpu_threads=self.threads, local_files_only=True
            )
        bound = _SPARE_TOKENS + TOKENS_PER_SECOND * math.ceil(len(samples) / INPUT_SAMPLE_RATE)
        # One temperature: the fallback to higher ones samples, and would give another text every time.
        segments, _ = self._model.transcribe(
            samples,
            language="en",
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            max_new_tokens=min(bound, _MOST_TOKENS),
        )
        return "".join(segment.text for segment in segments).strip()


class RememberingListener:
    """A listener that keeps what it heard in a JSON-lines file, so that a second scoring is quick."""

    def __init__(self, listener: Listener, path: Path) -> None:
        self.listener, self.path = listener, path
        self.name = listener.name
        self._heard = {(line["listener"], line["sound"]): str(line["text"]) for line in read_lines(path)}

    def hear(self, samples: Samples) -> str:
        """See `Listener.hear`; what is too short to hold a word is silence."""
        if len(samples) < SHORTEST_SECONDS * INPUT_SAMPLE_RATE:
            return ""
        digest = hashlib.sha256(np.ascontiguousarray(samples, dtype="<f4").tobytes()).hexdigest()[:32]
        key = (self.name, digest)
        if key not in self._heard:
            self._heard[key] = self.listener.hear(samples)
            append_line(self.path, {"listener": self.name, "sound": digest, "text": self._heard[key]})
        return self._heard[key]
