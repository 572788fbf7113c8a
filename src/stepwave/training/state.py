"""Checkpoints of a run: weights, optimiser states and the step, in one safetensors file, newest two kept.

The random state needs no place: batches, dropout and noise are functions of the seed and the step.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stepwave.checkpoints.runs import MODEL
from stepwave.facts.errors import CheckpointError
from stepwave.training.config import TrainConfig


def save_state(
    folder: Path, step: int, module: nn.Module, optimisers: dict[str, torch.optim.AdamW], config: TrainConfig
) -> Path:
    """Write a checkpoint under its final name in one step and delete all but the newest two."""
    tensors: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        tensors[f"{MODEL}{name}"] = value.detach().cpu().contiguous().clone()
    for group, optimiser in optimisers.items():
        for index, state in optimiser.state_dict()["state"].items():
            for key, value in state.items():
                tensors[f"optimiser.{group}.{index}.{key}"] = value.detach().cpu().contiguous().clone()
    path = folder / f"step-{step:08d}.safetensors"
    temporary = path.with_suffix(".partial")
    save_file(tensors, temporary, {"step": str(step), "config": json.dumps(asdict(config))})
    temporary.replace(path)
    for old in sorted(folder.glob("step-*.safetensors"))[:-2]:
        old.unlink()
    return path


def load_state(path: Path, module: nn.Module, optimisers: dict[str, torch.optim.AdamW], config: TrainConfig) -> int:
    """Load a checkpoint strictly; returns its step.

    Raises:
        CheckpointError: the file is damaged or belongs to other modules.
    """
    weights: dict[str, Tensor] = {}
    states: dict[str, dict[int, dict[str, Any]]] = {name: {} for name in optimisers}
    try:
        with safe_open(path, "pt") as file:
            step = int(file.metadata()["step"])
            for name in file.keys():  # noqa: SIM118 (a safetensors handle is not iterable)
                if name.startswith(MODEL):
                    weights[name.removeprefix(MODEL)] = file.get_tensor(name)
                else:
                    _, group, index, key = name.split(".")
                    states[group].setdefault(int(index), {})[key] = file.get_tensor(name)
        module.load_state_dict(weights, strict=True)
    except (OSError, RuntimeError, KeyError, ValueError, SafetensorError) as failure:
        raise CheckpointError(f"{path} does not fit run {config.name!r}: {failure}; delete it to start anew") from None
    for group, optimiser in optimisers.items():
        whole = optimiser.state_dict()
        whole["state"] = states[group]
        optimiser.load_state_dict(whole)
    return step
