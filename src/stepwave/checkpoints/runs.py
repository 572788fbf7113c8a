"""Checkpoints of training runs, as far as others read them: the newest of a run's folder, and the weights in it.

    RUN/run.json                      what was run: configuration, start, environment
    RUN/step-00000100/*.safetensors   model and optimiser tensors, a file per process (PyTorch's distributed checkpoint)
    RUN/step-00000100/state.json      the step and the loader's position
    RUN/step-00000200.partial/        being written, or cut short

Writing them, and reading optimiser states, is `training.state`'s work.
"""

import json
import warnings
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load

from stepwave.facts.errors import CheckpointError, ConfigError

MODEL: Final = "model."
"""What the names of a module's weights begin with in a run's checkpoint."""
STATE: Final = "state.json"
RUN: Final = "run.json"


def newest_state(folder: Path) -> Path | None:
    """The complete checkpoint with the highest step in a run's folder, or None."""
    return max((path for path in folder.glob("step-????????") if path.is_dir()), default=None)


def trained_state(runs: Path, run: str) -> Path:
    """The newest checkpoint of `run` under the folder `runs`; ConfigError where there is none yet."""
    path = newest_state(runs / "training" / run)
    if path is None:
        raise ConfigError(f"{run} has no checkpoint yet; run `stepwave train {run}` first")
    return path


def model_weights(path: Path, prefix: str = "") -> dict[str, Tensor]:
    """The module weights of a run's checkpoint whose names begin with `prefix`, without it, whole and on the CPU.

    Raises CheckpointError where files are missing or damaged.
    """
    start = f"{MODEL}{prefix}"
    kept = stored_tensors(path)
    tensors = {
        name: torch.empty(each.size, dtype=each.properties.dtype)
        for name, each in kept.items()
        if name.startswith(start)
    }
    read_tensors(path, tensors, alone=True)
    return {name.removeprefix(start): tensor for name, tensor in tensors.items()}


def stored_tensors(path: Path) -> dict[str, TensorStorageMetadata]:
    """Names, shapes and types of the tensors in a checkpoint. Raises CheckpointError where it is damaged."""
    try:
        found = HuggingFaceStorageReader(str(path)).read_metadata().state_dict_metadata
    except (Exception, CheckpointException) as failure:  # whatever the storage layer raises means the same
        raise CheckpointError(f"{path} is damaged ({_reason(failure)}); delete it to go on from an older one") from None
    return {name: each for name, each in found.items() if isinstance(each, TensorStorageMetadata)}


def read_tensors(path: Path, tensors: dict[str, Tensor], alone: bool) -> None:
    """Fill `tensors` (plain or sharded) by name from a checkpoint, in place.

    `alone`: without the other processes of a run. Raises CheckpointError where that fails.
    """
    expect_single_process()
    try:
        load(dict(tensors), storage_reader=HuggingFaceStorageReader(str(path)), no_dist=alone)
    except (Exception, CheckpointException) as failure:
        raise CheckpointError(f"{path} is damaged ({_reason(failure)}); delete it to go on from an older one") from None


def read_state(path: Path) -> dict[str, Any]:
    """The step and the loader's position of a checkpoint. Raises CheckpointError where they are missing or damaged."""
    try:
        state: dict[str, Any] = json.loads((path / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise CheckpointError(
            f"{path / STATE} can't be read ({failure}); delete {path} to go on from an older one"
        ) from None
    return state


def expect_single_process() -> None:
    """Keep PyTorch's checkpoints from warning that there is only one process: that is how most runs are."""
    warnings.filterwarnings("ignore", message="torch.distributed is disabled, unavailable or uninitialized")


def _reason(failure: BaseException) -> str:
    if isinstance(failure, CheckpointException):
        failure = next(iter(failure.failures.values()))[0]
    return " ".join(str(failure).split())[:200] or type(failure).__name__
