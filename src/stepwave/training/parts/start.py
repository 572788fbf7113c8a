"""Where a single part starts: from the weights of a stored model, or from nothing.

The speech language model's start, which may stand on runs, is in `language.starting`.
"""

from pathlib import Path

import torch
from torch import nn

from stepwave.checkpoints.layouts import load_modules, open_layout
from stepwave.checkpoints.reader import Placement
from stepwave.facts.errors import CheckpointShapeError
from stepwave.models.nano_speech_tokenizer import TRAINING_PREFIX


def is_stored(model: Path | None, part: str) -> bool:
    """Whether there is a model folder at `model` that holds `part`.

    Raises CheckpointError for a folder with a configuration that is not understood.
    """
    if model is None or not (model / "config.json").is_file():
        return False
    return part in {plan.name for plan in open_layout(model).plans}


def load_stored(module: nn.Module, model: Path, part: str) -> None:
    """Give a module the weights of `part` in a model folder, in place; what serves training only stays as it was.

    Raises CheckpointError: the folder is damaged, lacks the part, or holds one of another size.
    """
    stored = load_modules(open_layout(model), (part,), Placement(torch.float32))[part].state_dict()
    try:
        strange = module.load_state_dict(stored, strict=False)
    except RuntimeError as failure:
        raise CheckpointShapeError(
            f"the {part} in {model} is of another size than the one to train: {failure}"
        ) from None
    missing = [name for name in strange.missing_keys if not name.startswith(TRAINING_PREFIX)]
    if missing or strange.unexpected_keys:
        name = [*missing, *strange.unexpected_keys][0]
        raise CheckpointShapeError(f"the {part} in {model} and the one to train differ in {name}; start from nothing")
