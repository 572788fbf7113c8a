"""What a checkpoint folder should hold: one plan per part of a model.

Mini's and nano's layouts are lists of such plans (`mini`, `nano`); inspecting and loading work on any list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from stepwave.checkpoints.keys import SAME, KeyTable


@dataclass(frozen=True)
class PartPlan:
    """Where a part of a model is stored and what it must hold."""

    name: str
    """The part: encoder, adaptor, decoder, speech_tokenizer, flow, vocoder, speaker."""
    stem: Path
    """Its safetensors file or shard index, without ending; several parts may share one."""
    build: Callable[[], nn.Module]
    """Makes the module with fresh weights, on whatever device is the default."""
    keys: KeyTable = SAME
    """How its tensors are called in the file."""


def expected_tensors(plan: PartPlan) -> dict[str, Tensor]:
    """The part's parameters and stored buffers under our names: shapes and types only, no memory."""
    with torch.device("meta"):
        return plan.build().state_dict()
