"""The speaker vectors of a model of this project, as libraries take them."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch

from stepwave.checkpoints.inspection import file_digest
from stepwave.checkpoints.layouts import load_modules, open_layout
from stepwave.checkpoints.locate import NANO, locate
from stepwave.checkpoints.reader import Placement
from stepwave.facts.errors import ConfigError
from stepwave.models.speaker import SpeakerEncoder
from stepwave.signal.resample import Samples
from stepwave.tools.voices.contract import SpeakerVector
from stepwave.tools.voices.library import Embedding

_PART = "speaker"


def speaker_embedding(model: str = NANO) -> Embedding:
    """That of nano, or of another model with nano's speaker encoder; named by the digest of its weights.

    Raises CheckpointError, and ConfigError for a model without such an encoder.
    """
    layout = open_layout(locate(model))
    weights = sorted(layout.folder.glob(f"{_PART}*.safetensors"))
    if not weights or _PART not in {plan.name for plan in layout.plans}:
        raise ConfigError(f"the model {model} has no speaker encoder of nano's kind; use nano for voice libraries")
    encoder = cast(SpeakerEncoder, load_modules(layout, (_PART,), Placement(torch.float32, torch.device("cpu")))[_PART])

    def embed(samples: Samples) -> SpeakerVector:
        return np.asarray(encoder.embed(samples).numpy(), np.float32)

    return Embedding(f"{_PART}-{file_digest(weights[0])[:16]}", embed)
