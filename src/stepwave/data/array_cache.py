"""Arrays that take a while to compute, kept as a safetensors file under a key of what they were computed from."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from stepwave.facts.errors import OutputError
from stepwave.signal.atomic import replace_file

Arrays: TypeAlias = Mapping[str, NDArray[np.generic]]

_log = logging.getLogger(__name__)


def cached(folder: Path | None, name: str, key: str, compute: Callable[[], Arrays]) -> Arrays:
    """What `compute` gives, from `folder/NAME-DIGEST.safetensors` where `key` was computed before.

    Without a folder everything is computed. A damaged file is computed again; several processes may do the same work
    at once, and each file appears whole. Raises OutputError where the folder can't be written.
    """
    if folder is None:
        return compute()
    path = folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.safetensors"
    if path.is_file():
        try:
            found: Arrays = load_file(path)
        except (SafetensorError, OSError) as problem:
            _log.warning("%s is damaged (%s) and is made again", path, problem)
        else:
            return found
    arrays = compute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"the folder {folder} cannot be made: {problem.strerror}; choose another cache") from None
    replace_file(path, save({each: np.ascontiguousarray(array) for each, array in arrays.items()}))
    return arrays


def text_array(text: str) -> NDArray[np.uint8]:
    """Text as an array, to lie beside others."""
    return np.frombuffer(text.encode(), np.uint8)


def array_text(array: NDArray[np.generic]) -> str:
    """Back from `text_array`."""
    return array.tobytes().decode()
