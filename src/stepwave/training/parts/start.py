"""Where a single part starts: from the weights of a stored model, or from nothing.

The speech language model's start, which may stand on runs, is in `language.starting`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stepwave.checkpoints.layouts import load_modules, open_layout
from stepwave.checkpoints.reader import Placement
from stepwave.facts.errors import CheckpointShapeError
from stepwave.models.flow import FlowMatching
from stepwave.models.nano_speech_tokenizer import TRAINING_PREFIX

FAINTEST: Final = 0.01
"""Directions in which speakers vary less than this share of the widest one's variance are not brought to full size."""


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


@torch.no_grad()
def start_speaker_projection(flow: FlowMatching, vectors: Iterable[Tensor]) -> None:
    """Let flow matching's projection of speaker vectors spread out `vectors` `[s]`: their main directions, at size 1.

    The transformer begins by not looking at it.

    Embeddings of speakers have length 1 and much in common: by a usual start two of them are told apart by a hundredth
    of what a mel is, and training goes by without them.
    """
    told = F.normalize(torch.stack([vector.float() for vector in vectors]), dim=1)
    layer = flow.spk_embed_affine_layer
    mean = told.mean(0)
    _, sizes, directions = torch.linalg.svd(told - mean, full_matrices=False)
    variances = sizes.square() / len(told)
    scaled = directions / (variances + FAINTEST * variances[0]).sqrt()[:, None]
    layer.weight.zero_()
    layer.weight[: len(scaled)] = scaled[: len(layer.weight)]
    layer.bias.copy_(-layer.weight @ mean)
    bands = flow.config.mel_bands
    # the input projection reads the point on the path, mu, the speaker and the prompt, in this order
    flow.estimator.in_proj.weight[:, 2 * bands : 3 * bands].zero_()
