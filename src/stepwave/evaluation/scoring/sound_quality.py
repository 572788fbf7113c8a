"""How good a sound is, without a person: DNSMOS (no reference needed) and STOI (against a reference).

PESQ is in `metrics`. All take mono sounds `[n]` at 16 kHz and need no network: DNSMOS's network comes in the package
speechmos and is run by ONNX Runtime.
"""

import importlib.util
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from stepwave.evaluation.packages import package
from stepwave.facts.errors import MissingExtraError
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.signal.resample import Samples

DNSMOS_NAME: Final = "DNSMOS P.835 (speechmos, sig_bak_ovr)"
"""What is stored beside such figures."""
_WINDOW: Final = int(9.01 * INPUT_SAMPLE_RATE)
_SIGNAL: Final = (-0.08397278, 1.22083953, 0.0052439)
_BACKGROUND: Final = (-0.13166888, 1.60915514, -0.39604546)
_OVERALL: Final = (-0.06766283, 1.11546468, 0.04602535)
_LONGEST_WINDOWS: Final = 600


@dataclass(frozen=True)
class MeanOpinion:
    """Mean opinion scores as listeners would give them, 1 (bad) to 5 (excellent)."""

    overall: float
    signal: float
    """Of the speech itself."""
    background: float
    """Of what is behind it: 5 is silence."""


def dnsmos(samples: Samples) -> MeanOpinion:
    """DNSMOS P.835 of a sound `[n]` at 16 kHz (Reddy et al., 2022), not the personalised kind.

    The mean over windows of 9.01 s, one starting each second, as in the package speechmos; a shorter sound is doubled
    until it fills one. Louder than full scale is clipped. Raises ValueError for a sound without samples or of more than
    ten minutes, and MissingExtraError.
    """
    if not len(samples):
        raise ValueError("DNSMOS finds nothing to score: the sound is empty")
    if len(samples) > _LONGEST_WINDOWS * INPUT_SAMPLE_RATE:
        raise ValueError("DNSMOS scores sounds of at most ten minutes; cut this one")
    sound = np.clip(np.asarray(samples, dtype=np.float32), -1.0, 1.0)
    while len(sound) < _WINDOW:
        sound = np.concatenate([sound, sound])
    count = int(len(sound) // INPUT_SAMPLE_RATE - _WINDOW / INPUT_SAMPLE_RATE) + 1
    network = _network()
    windows = [sound[start : start + _WINDOW] for start in range(0, count * INPUT_SAMPLE_RATE, INPUT_SAMPLE_RATE)]
    raw = [network.run(None, {"input_1": window[None]})[0][0] for window in windows if len(window) == _WINDOW]
    signal, background, overall = np.asarray(raw, dtype=np.float64).T
    return MeanOpinion(
        float(np.polyval(_OVERALL, overall).mean()),
        float(np.polyval(_SIGNAL, signal).mean()),
        float(np.polyval(_BACKGROUND, background).mean()),
    )


def intelligibility(reference: Samples, degraded: Samples, *, extended: bool = False) -> float:
    """STOI of sounds `[n]` at 16 kHz (Taal et al., 2011): about 0 nothing is understood, 1 everything.

    `extended` gives ESTOI (Jensen and Taal, 2016). The longer one is cut to the other's length. Raises ValueError where
    the reference holds too little speech to compare (about 0.4 s), and MissingExtraError.
    """
    library = package("pystoi")
    length = min(len(reference), len(degraded))
    if not reference[:length].any():
        raise ValueError("STOI finds nothing to compare: the reference is silent or one of the sounds is empty")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return float(library.stoi(reference[:length], degraded[:length], INPUT_SAMPLE_RATE, extended=extended))
        except RuntimeWarning as warning:
            raise ValueError(f"STOI finds nothing to compare: {warning}") from warning


@cache
def _network() -> Any:
    found = importlib.util.find_spec("speechmos")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("eval", "speechmos")
    # The package itself is not imported: for a second network it wants librosa, which it does not ask for.
    path = Path(found.submodule_search_locations[0]) / "dnsmos_models" / "sig_bak_ovr.onnx"
    runtime = package("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1  # more would change the order of sums
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
