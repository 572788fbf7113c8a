"""Runs an experiment: steps, clipping, schedules, checkpoints, exact resumption, curves.

An `Experiment` owns the modules, draws batches and yields losses; it need not know how a run is saved. Batches are a
function of the seed and the step, so a resumed run goes on with exactly the batch that an uninterrupted one would see.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from stepwave.checkpoints.runs import newest_state
from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.curves import CurveLog
from stepwave.training.state import load_state, save_state


class Experiment(Protocol):
    """What is trained, on what, towards which losses."""

    def module(self) -> nn.Module:
        """Everything whose weights a checkpoint must hold."""
        ...

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters by optimiser name."""
        ...

    def batch(self, step: int) -> Any:
        """The batch of a step: a function of the seed and the step alone."""
        ...

    def losses(self, batch: Any) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Yield (optimiser name, losses); `losses["loss"]` is minimised before the iterator goes on."""
        ...

    def size(self, batch: Any) -> int:
        """Positions or frames in a batch, for the throughput figure."""
        ...

    def validate(self) -> dict[str, float]:
        """Figures on held-out material."""
        ...


class Trainer:
    """One run of one experiment on one device.

    A first interrupt (Ctrl-C) ends the run after the current step with a checkpoint; a second one stops at once.
    """

    def __init__(self, config: TrainConfig, experiment: Experiment, folder: Path, device: str = "cpu") -> None:
        self.config, self.experiment, self.folder, self.device = config, experiment, folder / config.name, device
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.experiment.module().to(device)
        self.groups = experiment.parameters()
        self.optimisers = {
            name: torch.optim.AdamW(
                parameters,
                lr=config.optimisers[name].learning_rate,
                betas=config.optimisers[name].betas,
                weight_decay=config.optimisers[name].weight_decay,
                fused=True,
            )
            for name, parameters in self.groups.items()
        }
        self.step = 0
        self.stopping = False

    def resume(self) -> bool:
        """Load the newest checkpoint of this run, if there is one; returns whether there was."""
        path = newest_state(self.folder)
        if path is None:
            return False
        self.step = load_state(path, self.experiment.module(), self.optimisers, self.config)
        return True

    def run(self, minutes: float | None = None) -> dict[str, float]:
        """Train to the last step, or for `minutes`; returns the last validation figures."""
        previous = signal.signal(signal.SIGINT, self._stop)
        deadline = None if minutes is None else time.monotonic() + 60 * minutes
        figures: dict[str, float] = {}
        validated_at = -1
        try:
            with CurveLog(self.folder, self.config.name, self.config.steps) as log:
                log.cut(self.step)
                while self.step < self.config.steps and not self.stopping:
                    self._one_step(log)
                    if self.step % self.config.validate_every == 0:
                        figures = log.validation(self.step, self._validate())
                        validated_at = self.step
                    if self.step % self.config.save_every == 0:
                        self._save()
                    if deadline is not None and time.monotonic() > deadline:
                        break
                self._save()
                if validated_at != self.step:
                    figures = log.validation(self.step, self._validate())
        finally:
            signal.signal(signal.SIGINT, previous)
        return figures

    def _one_step(self, log: CurveLog) -> None:
        started = time.monotonic()
        self.experiment.module().train()
        batch = self.experiment.batch(self.step)
        # Dropout and noise are drawn from the step too, which makes resumption exact without saving random states.
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        shown: dict[str, float] = {}
        losses = self.experiment.losses(batch)
        while True:
            with torch.autocast(self.device, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
                named = next(losses, None)
            if named is None:
                break
            name, parts = named
            settings, optimiser = self.config.optimisers[name], self.optimisers[name]
            optimiser.zero_grad(set_to_none=True)
            parts["loss"].backward()  # type: ignore[no-untyped-call]
            norm = clip_gradients(self.groups[name], settings)
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * settings.scale_at(self.step, self.config.steps)
            if torch.isfinite(norm):
                optimiser.step()
            prefix = "" if len(self.groups) == 1 else f"{name}/"
            shown |= {prefix + part: float(value.detach()) for part, value in parts.items()}
            shown[prefix + "gradient_norm"] = float(norm)
        self.step += 1
        log.step(self.step, shown, self.experiment.size(batch), time.monotonic() - started, self.config.log_every)

    def _validate(self) -> dict[str, float]:
        self.experiment.module().eval()
        with (
            torch.no_grad(),
            torch.random.fork_rng(),
            torch.autocast(self.device, torch.bfloat16, enabled=self.config.precision == "bfloat16"),
        ):
            torch.manual_seed(self.config.seed)
            return self.experiment.validate()

    def _save(self) -> None:
        save_state(self.folder, self.step, self.experiment.module(), self.optimisers, self.config)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self.stopping:
            raise KeyboardInterrupt
        self.stopping = True


def clip_gradients(parameters: list[nn.Parameter], settings: OptimiserConfig) -> Tensor:
    """Clip gradients in place; returns their norm before."""
    if not settings.clip_each:
        norm: Tensor = torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        return norm
    moved = [parameter for parameter in parameters if parameter.grad is not None]
    norms = [torch.nn.utils.clip_grad_norm_(parameter, settings.clip_norm) for parameter in moved]
    together: Tensor = torch.linalg.vector_norm(torch.stack(norms))
    return together
