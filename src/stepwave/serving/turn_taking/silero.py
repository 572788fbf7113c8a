"""The probability that somebody speaks, frame by frame, by Silero's network; the state is the stream's, the network
everybody's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from stepwave.signal.resample import Samples
from stepwave.signal.silero import CONTEXT, FRAME, STATE, open_network


class SileroStream:
    """Silero over one stream of sound.

    Raises MissingExtraError where its package or ONNX Runtime is missing, ConfigError where the package is too old.
    """

    def __init__(self) -> None:
        self._network = _network()
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._hidden = np.zeros(STATE, np.float32)
        self._cell = np.zeros(STATE, np.float32)
        self._seen = np.zeros(CONTEXT + FRAME, np.float32)

    def probability(self, frame: Samples) -> float:
        """Probability, 0 to 1, of speech in the stream's next samples [512] at 16 kHz."""
        self._seen[:CONTEXT] = self._seen[-CONTEXT:]
        self._seen[CONTEXT:] = frame
        given = {"input": self._seen[None], "h": self._hidden, "c": self._cell}
        # One frame at a time, also where there are more: in blocks the last digits would hang on how sound arrives.
        found, self._hidden, self._cell = self._network.run(["speech_probs", "hn", "cn"], given)
        return float(found[0])


@cache
def _network() -> Any:
    return open_network("serve")
