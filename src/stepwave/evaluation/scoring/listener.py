"""Outside listeners: programs that write down what a sound says, so that spoken answers can be scored as text.

What was heard is kept in a file by the sound's digest, so that scoring again does not listen again.
"""

import hashlib
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from stepwave.evaluation.answers import append_line, read_lines
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples

SHORTEST_SECONDS: Final = 0.1
"""Anything shorter holds no word, and listeners invent some rather than write nothing."""


class Listener(Protocol):
    """Writes down what it hears."""

    name: str
    """What it is, revision and settings included: the same name gives the same text for the same sound."""

    def hear(self, samples: Samples) -> str:
        """The words in a sound `[n]` at 16 kHz."""
        ...


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
