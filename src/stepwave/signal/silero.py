"""Silero's voice-activity network, as its package brings it: what it reads, and how it is opened.

Silero VAD (https://github.com/snakers4/silero-vad, MIT) comes with its model inside the package `silero_vad`. Only that
file is used: importing the package would set torch's number of threads, and its way to read sound needs torchaudio.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

from stepwave.facts.errors import ConfigError, MissingExtraError

FRAME: Final = 512
"""Samples at 16 kHz that get one probability: 32 ms."""
CONTEXT: Final = 64
"""Samples before a frame that the network sees again."""
STATE: Final = (1, 1, 128)
"""Shape of either half of its state."""
MODEL: Final = "silero_vad_16k_sequence.onnx"
_ERRORS_ONLY: Final = 3


def open_network(extra: str) -> Any:
    """An ONNX Runtime session on one thread: `input` [k, 576] and the state `h`, `c` to `speech_probs`, `hn`, `cn`.

    Raises MissingExtraError, naming `extra`, where the package or ONNX Runtime is missing, ConfigError where the
    package is too old.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError(extra, "onnxruntime") from None
    package = importlib.util.find_spec("silero_vad")
    if package is None or package.origin is None:
        raise MissingExtraError(extra, "silero_vad")
    model = Path(package.origin).parent / "data" / MODEL
    if not model.is_file():
        raise ConfigError(f"the installed silero_vad holds no {MODEL}; run: pip install 'silero-vad>=6.2.2'")
    options = onnxruntime.SessionOptions()
    # A frame is too little to share out, and many recordings are shared out by whoever has them.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY  # it warns of initialisers the file holds in vain
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
