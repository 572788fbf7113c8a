"""The probability that somebody speaks, frame by frame, by Silero's network; the state is the stream's, the network
everybody's.

Silero VAD (https://github.com/snakers4/silero-vad, MIT) comes with its model inside the package `silero_vad`. Only that
file is used, as in `prepare/recorded/speech_activity.py`: importing the package would set torch's number of threads.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.signal.resample import Samples

FRAME: Final = 512
"""Samples at 16 kHz that get one probability: 32 ms."""
_CONTEXT: Final = 64  # samples before a frame that the network sees again
_STATE: Final = (1, 1, 128)
_MODEL: Final = "silero_vad_16k_sequence.onnx"
_ERRORS_ONLY: Final = 3


class SileroStream:
    """Silero over one stream of sound.

    Raises MissingExtraError where its package or ONNX Runtime is missing, ConfigError where the package is too old.
    """

    def __init__(self) -> None:
        self._network = _network()
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._hidden = np.zeros(_STATE, np.float32)
        self._cell = np.zeros(_STATE, np.float32)
        self._seen = np.zeros(_CONTEXT + FRAME, np.float32)

    def probability(self, frame: Samples) -> float:
        """Probability, 0 to 1, of speech in the stream's next samples [512] at 16 kHz."""
        self._seen[:_CONTEXT] = self._seen[-_CONTEXT:]
        self._seen[_CONTEXT:] = frame
        given = {"input": self._seen[None], "h": self._hidden, "c": self._cell}
        # One frame at a time, also where there are more: in blocks the last digits would hang on how sound arrives.
        found, self._hidden, self._cell = self._network.run(["speech_probs", "hn", "cn"], given)
        return float(found[0])


@cache
def _network() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError("serve", "onnxruntime") from None
    package = importlib.util.find_spec("silero_vad")
    if package is None or package.origin is None:
        raise MissingExtraError("serve", "silero_vad")
    model = Path(package.origin).parent / "data" / _MODEL
    if not model.is_file():
        raise ConfigError(f"the installed silero_vad holds no {_MODEL}; run: pip install 'silero-vad>=6.2.2'")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # a frame is too little to share out
    options.log_severity_level = _ERRORS_ONLY  # it warns of initialisers the file holds in vain
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
