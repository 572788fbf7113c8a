"""The optional packages that measuring needs, asked for by name so that a missing one gives one plain line."""

import importlib
import importlib.util
from typing import Any, Final

from stepwave.facts.errors import MissingExtraError

PACKAGES: Final = (
    "faster_whisper",
    "huggingface_hub",
    "jiwer",
    "matplotlib",
    "onnxruntime",
    "openai",
    "opencc",
    "pesq",
    "pystoi",
    "rapidfuzz",
    "sacrebleu",
    "speechmos",
    "websockets",
    "wetext",
    "whisper_normalizer",
)
"""Everything the `eval` extra brings, as it is imported."""


def check_packages() -> None:
    """Raise MissingExtraError for the first package that is missing; cheap, so ask before long work."""
    for name in PACKAGES:
        if importlib.util.find_spec(name) is None:
            raise MissingExtraError("eval", name)


def package(module: str) -> Any:
    """Import `module` of one of those packages; MissingExtraError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError("eval", module.partition(".")[0]) from None
