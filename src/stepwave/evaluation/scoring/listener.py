"""Outside listeners: programs that write down what a sound says, so that spoken answers can be scored as text.

What was heard is kept in a file by the sound's digest, so that scoring again does not listen again.
"""

import hashlib
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from stepwave.evaluation.answers import UnscorableError, append_line, read_lines
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples

SHORTEST_SECONDS: Final = 0.1
"""Anything shorter holds no word, and listeners invent some rather than write nothing."""


class Listener(Protocol):
    """Writes down what it hears."""

    name: str
    """What it is, revision and settings included: the same name gives the same text for the same sound."""

    def hear(self, samples: Samples, language: str = "en") -> str:
        """The words in a sound `[n]` at 16 kHz that is in `language` (ISO 639)."""
        ...


class NoListener:
    """In place of a listener where there is none: nothing can be heard, and answers that have to be can't be scored."""

    def __init__(self, reason: str) -> None:
        self.name = "none"
        self._reason = reason

    def hear(self, samples: Samples, language: str = "en") -> str:
        """Raises UnscorableError."""
        raise UnscorableError(f"there is no listener: {self._reason}")


class RememberingListener:
    """A listener that keeps what it heard in a JSON-lines file, so that a second scoring is quick."""

    def __init__(self, listener: Listener, path: Path) -> None:
        self.listener, self.path = listener, path
        self.name = listener.name
        # Before there was more than one language, lines said none.
        self._heard = {
            (line["listener"], line["sound"], line.get("language", "en")): str(line["text"])
            for line in read_lines(path)
        }

    def hear(self, samples: Samples, language: str = "en") -> str:
        """See `Listener.hear`; what is too short to hold a word is silence."""
        if len(samples) < SHORTEST_SECONDS * INPUT_SAMPLE_RATE:
            return ""
        digest = hashlib.sha256(np.ascontiguousarray(samples, dtype="<f4").tobytes()).hexdigest()[:32]
        key = (self.name, digest, language)
        if key not in self._heard:
            self._heard[key] = self.listener.hear(samples, language)
            line = {"listener": self.name, "sound": digest, "language": language, "text": self._heard[key]}
            append_line(self.path, line)
        return self._heard[key]
