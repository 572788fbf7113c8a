"""Where the time of a training step goes: waiting for data, forward, backward, optimiser.

A `Stopwatch` is told when each of these ends. On CUDA it leaves events in the stream and reads them when the step is
over, so that watching does not make the GPU wait in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from stepwave.training.config import TrainConfig
from stepwave.training.curves import CurveLog
from stepwave.training.experiment import Experiment, Losses
from stepwave.training.parallel import Ranks
from stepwave.training.trainer import Trainer

Phase: TypeAlias = Literal["waiting", "forward", "backward", "optimiser", "other"]
PHASES: Final[tuple[Phase, ...]] = get_args(Phase)
"""`waiting` is for the batch; `forward` begins with moving it to the device; `optimiser` includes clipping."""


@dataclass(frozen=True)
class StepTimes:
    """One training step of one process."""

    seconds: float
    """From before the batch was asked for until everything was computed."""
    phases: dict[Phase, float]
    """Seconds of each; together they make the step."""
    positions: int
    """Without padding."""
    flops: float | None
    """FLOPs that the model asks for; None where nobody counts them."""


class Stopwatch:
    """Splits the time between `start` and `stop` by `mark`s.

    `clock` tells seconds on a CPU.
    """

    def __init__(self, device: torch.device, clock: Callable[[], float] = time.perf_counter) -> None:
        self.device, self.clock = device, clock
        self._marks: list[tuple[Phase, Any]] = []
        self._started = 0.0
        self._first: Any = None

    def start(self) -> None:
        """Begin a step."""
        self._marks = []
        self._started = self.clock()
        self._first = self._now()

    def mark(self, phase: Phase) -> None:
        """What has gone on since the last mark was `phase`."""
        self._marks.append((phase, self._now()))

    def stop(self) -> tuple[float, dict[Phase, float]]:
        """End a step; returns its seconds and those of each phase."""
        self.mark("other")
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        seconds = self.clock() - self._started
        phases: dict[Phase, float] = dict.fromkeys(PHASES, 0.0)
        before = self._first
        for phase, now in self._marks:
            phases[phase] += before.elapsed_time(now) / 1e3 if self.device.type == "cuda" else now - before
            before = now
        # What the host did before and after the GPU's work.
        phases["other"] += max(0.0, seconds - sum(phases.values()))
        return seconds, phases

    def _now(self) -> Any:
        if self.device.type != "cuda":
            return self.clock()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event


class _Watched(Experiment):
    """An experiment as it is, with marks where a batch has come and where a loss is computed."""

    def __init__(self, inner: Experiment, watch: Stopwatch) -> None:
        self.inner, self.watch, self.divisible = inner, watch, inner.divisible
        self.last: Any = None

    def module(self) -> nn.Module:
        return self.inner.module()

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        return self.inner.parameters()

    def place(self, ranks: Ranks, half: bool, compiled: bool) -> None:
        self.inner.place(ranks, half, compiled)

    def batch(self, step: int) -> Any:
        self.watch.mark("other")
        self.last = self.inner.batch(step)
        self.watch.mark("waiting")
        return self.last

    def losses(self, batch: Any) -> Iterator[Losses]:
        for each in self.inner.losses(batch):
            self.watch.mark("forward")
            yield each
            # The step of an optimiser has marked itself; what is left since is next to nothing.
            self.watch.mark("backward")

    def size(self, batch: Any) -> int:
        return self.inner.size(batch)

    def validate(self) -> dict[str, float]:
        return self.inner.validate()

    def describe(self, batch: Any) -> str:
        return self.inner.describe(batch)


class _Silent(CurveLog):
    """Takes figures and shows none."""

    def step(self, step: int, size: int, seconds: float, waited: float) -> None:
        self._clear()


class WatchedTrainer(Trainer):
    """The trainer with a stopwatch. It saves, validates and shows nothing; `folder` stays empty.

    `clock` tells seconds on a CPU.
    """

    def __init__(
        self,
        config: TrainConfig,
        experiment: Experiment,
        folder: Path,
        ranks: Ranks | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.watch = Stopwatch((ranks or Ranks()).device, clock)
        self.watched = _Watched(experiment, self.watch)
        super().__init__(config, self.watched, folder, ranks)

    def steps(self, count: int, flops: Callable[[Any], float | None] = lambda batch: None) -> Iterator[StepTimes]:
        """Train for `count` steps and tell of each; `flops` counts a batch's.

        Raises what losses and batches raise.
        """
        # Trackers would write files.
        log = _Silent(self.folder, self.config, self.ranks)
        for _ in range(count):
            self.watch.start()
            self._one_step(log)
            seconds, phases = self.watch.stop()
            batch = self.watched.last
            yield StepTimes(seconds, phases, self.watched.size(batch), flops(batch))

    def _update(self, losses: Losses, batch: object) -> Tensor:
        self.watch.mark("backward")
        norm = super()._update(losses, batch)
        self.watch.mark("optimiser")
        return norm
