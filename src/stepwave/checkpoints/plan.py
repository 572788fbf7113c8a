"""What a checkpoint folder should hold: one plan per part of a model, and modules built without memory.

Mini's and nano's layouts are lists of such plans (`mini`, `nano`); inspecting and loading work on any list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from stepwave.checkpoints.keys import SAME, KeyTable

_RANDOM: Final = frozenset({"normal_", "uniform_", "bernoulli_", "exponential_"})


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


def skeleton(build: Callable[[], nn.Module], device: torch.device | str = "cpu") -> nn.Module:
    """Build a module whose weights have names, shapes and types, but no memory and no values (meta device).

    Tables that a module computes for itself are real, and on the device.
    """
    with torch.device(device), _NoWeights():
        return build()


def expected_tensors(plan: PartPlan) -> dict[str, Tensor]:
    """The part's parameters and stored buffers under our names, without memory."""
    return skeleton(plan.build).state_dict()


class _NoWeights(TorchFunctionMode):
    """Sends the memory that layers ask for to the meta device and leaves out what they then do to fill it.

    Making everything on the meta device would lose the tables, and PyTorch would import its compiler to draw fresh
    weights that do not exist, which takes seconds.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init" or getattr(function, "__name__", "") in _RANDOM:
            return args[0] if args else kwargs["tensor"]
        if function in (torch.empty, torch.zeros):
            return function(*args, **{**kwargs, "device": "meta"})
        if function is torch.norm_except_dim:  # the gains of weight normalisation
            weight, _, kept = args
            return weight.new_empty([size if axis == kept else 1 for axis, size in enumerate(weight.shape)])
        return function(*args, **kwargs)
