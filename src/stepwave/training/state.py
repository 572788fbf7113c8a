"""Checkpoints of a run: written in the background by all its processes, read by any number of them.

PyTorch's distributed checkpoint over safetensors: each process writes the shards it holds, and a run that goes on with
more or fewer processes reads what it needs of each file. Only what learns is stored, with its optimiser's state; frozen
parts come from where the run started. Random states need no place: batches, dropout and noise follow from the step.
"""

import contextlib
import json
import shutil
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_saver import async_save

from stepwave.checkpoints.runs import (
    MODEL,
    STATE,
    expect_single_process,
    newest_state,
    read_state,
    read_tensors,
    stored_tensors,
)
from stepwave.facts.errors import CheckpointError, OutputError
from stepwave.training.parallel import Ranks

OPTIMISER = "optimiser."


class Checkpoints:
    """Writes and reads the checkpoints of one run.

    Args:
        folder: of the run.
        module: what learns; tensors that need no gradient are left out, buffers apart.
        optimisers: by name; their state is stored by the names of the parameters they move.
        ranks: the processes of the run.
        keep: how many complete checkpoints stay.
    """

    def __init__(
        self, folder: Path, module: nn.Module, optimisers: dict[str, torch.optim.AdamW], ranks: Ranks, keep: int = 2
    ) -> None:
        self.folder, self.module, self.optimisers, self.ranks, self.keep = folder, module, optimisers, ranks, keep
        self._writing: tuple[Path, Future[Any]] | None = None
        # Writing goes on beside training: in one group, messages of the two would be taken for each other's.
        self._group = None if ranks.mesh is None else dist.new_group(backend="gloo")
        for optimiser in optimisers.values():
            _prepare(optimiser)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint holds, by name: weights and buffers that may change, optimiser states."""
        frozen = {name for name, parameter in self.module.named_parameters() if not parameter.requires_grad}
        names = {id(parameter): name for name, parameter in self.module.named_parameters()}
        found = {f"{MODEL}{name}": value for name, value in self.module.state_dict().items() if name not in frozen}
        for optimiser in self.optimisers.values():
            for parameter, state in optimiser.state.items():
                for key, value in state.items():
                    found[f"{OPTIMISER}{names[id(parameter)]}.{key}"] = value
        return {name: value.detach() for name, value in found.items()}

    def begin(self, step: int, state: dict[str, Any]) -> None:
        """Begin to write a checkpoint; tensors are copied before this returns, and written while training goes on.

        Waits for the one before. Raises OutputError where that one, or this one's folder, could not be written.
        """
        self.finish()
        path = self.folder / f"step-{step:08d}.partial"
        try:
            if self.ranks.first:
                shutil.rmtree(path, ignore_errors=True)
                path.mkdir(parents=True)
                (path / STATE).write_text(json.dumps({"step": step, **state}), encoding="utf-8")
        except OSError as failure:
            shutil.rmtree(path, ignore_errors=True)
            raise OutputError(f"no checkpoint at {path}: {failure.strerror}; free some space") from None
        self.ranks.wait_for_all()
        expect_single_process()
        written = async_save(
            self.tensors(),
            storage_writer=HuggingFaceStorageWriter(str(path), save_distributed=True),
            process_group=self._group,
            no_dist=self.ranks.mesh is None,
        )
        assert isinstance(written, Future)
        self._writing = (path, written)

    def poll(self) -> None:
        """Give a checkpoint its final name once all of it is written. Raises OutputError where it could not be."""
        if self._writing is not None and self._writing[1].done():
            self.finish()

    def finish(self) -> None:
        """Wait until the checkpoint begun last is complete. Raises OutputError where it could not be written."""
        if self._writing is None:
            return
        (path, written), self._writing = self._writing, None
        try:
            written.result()
        except (Exception, CheckpointException) as failure:
            if self.ranks.first:
                shutil.rmtree(path, ignore_errors=True)
            reason = _cause(failure)
            raise OutputError(
                f"the checkpoint {path.stem} could not be written ({reason}); free some space: older ones are kept"
            ) from None
        if self.ranks.first:
            final = path.with_suffix("")
            shutil.rmtree(final, ignore_errors=True)
            path.rename(final)
            for old in sorted(self.folder.glob("step-????????"))[: -self.keep]:
                shutil.rmtree(old)

    def settle(self) -> None:
        """Let a checkpoint that is being written come to its end when a run fails for another reason."""
        with contextlib.suppress(OutputError):
            self.finish()

    def load_newest(self) -> dict[str, Any] | None:
        """Load the newest checkpoint strictly; returns its state (`step` and what the loader stored), or None.

        Raises CheckpointError where it is damaged or belongs to other modules.
        """
        path = newest_state(self.folder)
        if path is None:
            return None
        state = read_state(path)
        wanted, kept = self.tensors(), stored_tensors(path)
        strange = sorted(wanted.keys() ^ kept.keys()) or sorted(
            name for name, value in wanted.items() if value.shape != kept[name].size
        )
        if strange:
            raise CheckpointError(
                f"{path} does not fit run {self.folder.name!r}: {len(strange)} tensors differ, {strange[0]} for one; "
                "delete it to start anew"
            )
        read_tensors(path, wanted, alone=self.ranks.mesh is None)
        return state


def _prepare(optimiser: torch.optim.AdamW) -> None:
    """Give every parameter the state that AdamW would give it at its first step: a place to load into."""
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            if parameter not in optimiser.state:
                place = parameter.device if group["fused"] else torch.device("cpu")
                optimiser.state[parameter] = {
                    "step": torch.zeros((), dtype=torch.float32, device=place),
                    "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                    "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
                }


def _cause(failure: BaseException) -> str:
    """Why a checkpoint could not be written, from under what PyTorch wraps around it."""
    if isinstance(failure, CheckpointException):
        failure = next(iter(failure.failures.values()))[0]
    if isinstance(failure, OSError) and failure.strerror:
        return failure.strerror
    return " ".join(str(failure).split())[:200] or type(failure).__name__
