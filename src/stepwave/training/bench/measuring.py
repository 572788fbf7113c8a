"""Measures training steps: the trainer's own, real forward, backward and optimiser, on one process or many.

What a step costs is timed by `step_times` and counted by `estimates.batch`; what to run is `plan`'s, what the
measurements say `figures`'. Nothing that was learnt is kept.
"""

from __future__ import annotations

import contextlib
import gc
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist

from stepwave.checkpoints.environment import environment
from stepwave.facts.errors import ConfigError, TrainingError
from stepwave.training.bench.peaks import Peak, find_peak
from stepwave.training.bench.plan import Plan
from stepwave.training.bench.step_times import PHASES, StepTimes, WatchedTrainer
from stepwave.training.estimates.batch import flops_counter
from stepwave.training.language.modelling import LanguageModelling
from stepwave.training.parallel import Ranks
from stepwave.training.precision import computed_in


@dataclass(frozen=True)
class Length:
    """How much is measured."""

    steps: int = 10
    warmup: int = 3
    """Steps before the first that counts: allocation, compilation, workers that start."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.warmup < 0:
            raise ConfigError(f"{self.steps} steps after {self.warmup} to warm up; wanted 1 or more, and 0 or more")


@dataclass(frozen=True)
class Memory:
    """The fullest moment of a process."""

    peak: float
    """Bytes: allocated by PyTorch on a GPU, resident in the whole process on a CPU."""
    before: float
    """Bytes at their fullest before the model was made."""


@dataclass(frozen=True)
class Measurements:
    """What was measured, over all processes."""

    plan: Plan
    precision: Literal["float32", "bfloat16"]
    """In which products were computed in fact."""
    steps: tuple[StepTimes, ...]
    """A step is as long as on the slowest process; phases are averages, positions and FLOPs sums."""
    warmup: int
    processes: int
    device: str
    """Its name."""
    kind: str
    """`cpu` or `cuda`."""
    peak: Peak
    """Of all devices together."""
    memory: Memory
    """Of the process that has most."""
    environment: dict[str, Any]


def measure(plan: Plan, ranks: Ranks, length: Length, clock: Callable[[], float] = time.perf_counter) -> Measurements:
    """Train for a few steps and measure them; every process gets the same result.

    `clock` tells seconds on a CPU.

    Raises:
        TrainingError: memory did not suffice, or losses are not finite.
        ConfigError, CheckpointError, DataError: what building and feeding raise.
    """
    # What is said about precision is not part of the result.
    with contextlib.redirect_stdout(sys.stderr):
        dtype = computed_in(plan.config.precision, ranks.device)
    precision: Literal["float32", "bfloat16"] = "bfloat16" if dtype is torch.bfloat16 else "float32"
    config = replace(plan.config, precision=precision)
    facts = environment()
    # What was measured before must not count.
    gc.collect()
    peak = find_peak(ranks.device, dtype)
    before = _fullest(ranks.device)
    with tempfile.TemporaryDirectory(prefix="stepwave-bench-") as folder, _telling_of_memory(ranks.device):
        experiment = plan.build()
        counter = flops_counter(experiment) if isinstance(experiment, LanguageModelling) else _not_counted
        trainer = WatchedTrainer(config, experiment, Path(folder), ranks, clock)
        try:
            own = list(trainer.steps(length.warmup + length.steps, counter))[length.warmup :]
        finally:
            if isinstance(experiment, LanguageModelling) and hasattr(experiment, "loader"):
                experiment.loader.close()
    memory = Memory(_fullest(ranks.device), before)
    if peak.measured:
        # Whatever else this computer does may have been in the way of the first try.
        peak = max(peak, find_peak(ranks.device, dtype), key=lambda each: each.flops)
    everyone = _gathered(ranks, (own, memory, peak.flops, _counts(ranks)))
    return Measurements(
        plan,
        precision,
        tuple(
            _together([each[0][place] for each in everyone], [each[3] for each in everyone])
            for place in range(len(own))
        ),
        length.warmup,
        len(everyone),
        _name(ranks.device, facts),
        ranks.device.type,
        Peak(sum(each[2] for each in everyone), peak.measured),
        max((each[1] for each in everyone), key=lambda memory: memory.peak),
        facts,
    )


def _together(steps: list[StepTimes], counted: list[bool]) -> StepTimes:
    """One step of all processes; positions and FLOPs of those that read the same batch as another don't count."""
    chosen = [step for step, counts in zip(steps, counted, strict=True) if counts]
    flops = [step.flops for step in chosen if step.flops is not None]
    return StepTimes(
        max(step.seconds for step in steps),
        {phase: sum(step.phases[phase] for step in steps) / len(steps) for phase in PHASES},
        sum(step.positions for step in chosen),
        sum(flops) if len(flops) == len(chosen) else None,
    )


def _gathered(ranks: Ranks, own: Any) -> list[Any]:
    if ranks.mesh is None:
        return [own]
    everyone: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, own)
    return everyone


def _counts(ranks: Ranks) -> bool:
    """Whether this is the first of those that read the same batch."""
    return ranks.mesh is None or ranks.mesh["tensor"].get_local_rank() == 0


def _not_counted(batch: object) -> None:
    return None


def _name(device: torch.device, facts: dict[str, Any]) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(facts["processor"])


def _fullest(device: torch.device) -> float:
    """Bytes at the fullest moment so far; on a GPU since the last call."""
    if device.type == "cuda":
        most = float(torch.cuda.max_memory_allocated(device))
        torch.cuda.reset_peak_memory_stats(device)
        return most
    try:
        import resource
    except ImportError:  # Windows does not tell.
        return 0.0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most if sys.platform == "darwin" else 1024 * most)


@contextlib.contextmanager
def _telling_of_memory(device: torch.device) -> Iterator[None]:
    """Turn what PyTorch says when memory is full into one line that says what to do."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as failure:
        full = isinstance(failure, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(failure)
        if not full:
            raise
        wanted = re.search(r"[Tt]ried to allocate ([\d.]+ \w+)", str(failure))
        raise TrainingError(
            f"the memory of {device} is full{f' ({wanted[1]} more were wanted)' if wanted else ''}; take fewer "
            "sequences at once, shorter ones or fewer layers, or compute activations again (--recompute)"
        ) from None
