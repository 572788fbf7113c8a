"""Runs an experiment: steps, clipping, schedules, checkpoints, exact resumption, curves, on one process or many.

Batches are a function of the seed, the step and the loader's stored position, so a resumed run goes on with exactly the
batch that an uninterrupted one would see.
"""

import signal
import time
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor, nn

from stepwave.facts.errors import ConfigError, OutputError, TrainingError
from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.curves import CurveLog
from stepwave.training.experiment import Experiment, Losses, as_mean
from stepwave.training.parallel import Ranks, gradient_norm
from stepwave.training.precision import computed_in
from stepwave.training.state import Checkpoints


class Trainer:
    """One run of one experiment.

    A first interrupt (Ctrl-C, or the SIGTERM of a cluster that wants its machine back) ends the run after the current
    step with a checkpoint; a second Ctrl-C stops at once.
    """

    def __init__(self, config: TrainConfig, experiment: Experiment, folder: Path, ranks: Ranks | None = None) -> None:
        self.config, self.experiment, self.folder = config, experiment, folder / config.name
        self.ranks = ranks or Ranks()
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.half = computed_in(config.precision, self.ranks.device) is torch.bfloat16
        if self.ranks.data_world > 1 and not experiment.divisible:
            raise ConfigError(
                f"{config.name} is trained by one process, {self.ranks.data_world} came; start it without torchrun"
            )
        experiment.place(self.ranks, self.half, config.compile)
        self.groups = experiment.parameters()
        self.optimisers = {
            name: _optimiser(parameters, config.optimisers[name]) for name, parameters in self.groups.items()
        }
        self.checkpoints = Checkpoints(self.folder, experiment.module(), self.optimisers, self.ranks)
        self.step = 0
        self.bad_in_a_row = 0
        self.stopping = False

    def resume(self) -> bool:
        """Load the newest checkpoint of this run, if there is one; returns whether there was.

        Raises CheckpointError where it is damaged or belongs to other modules.
        """
        state = self.checkpoints.load_newest()
        if state is None:
            return False
        self.step = state["step"]
        self.experiment.restore(state["experiment"])
        return True

    def run(self, minutes: float | None = None) -> dict[str, float]:
        """Train to the last step, or for `minutes`; returns the last validation figures.

        Raises:
            TrainingError: losses are not finite, and the configuration says to stop.
            OutputError: the last checkpoint could not be written.
        """
        previous = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        deadline = None if minutes is None else time.monotonic() + 60 * minutes
        figures: dict[str, float] = {}
        validated_at = -1
        try:
            with CurveLog(self.folder, self.config, self.ranks) as log:
                log.cut(self.step)
                while self.step < self.config.steps and not self._is_over(deadline):
                    self._one_step(log)
                    if self.step % self.config.validate_every == 0:
                        figures = log.validation(self.step, self._validate())
                        validated_at = self.step
                    self._keep(log)
                self._begin_checkpoint()
                if validated_at != self.step:
                    figures = log.validation(self.step, self._validate())
                self.checkpoints.finish()
        finally:
            self.checkpoints.settle()
            for number, handler in previous.items():
                signal.signal(number, handler)
        return figures

    def _is_over(self, deadline: float | None) -> bool:
        """Whether any process was told to stop, or has no time left."""
        return self.ranks.any(self.stopping or (deadline is not None and time.monotonic() > deadline))

    def _one_step(self, log: CurveLog) -> None:
        started = time.monotonic()
        self.experiment.module().train()
        batch = self.experiment.batch(self.step)
        waited = time.monotonic() - started
        # Dropout and noise are drawn from the step too, which makes resumption exact without saving random states.
        torch.manual_seed(self.config.seed * 1_000_003 + self.step + 7_919 * self.ranks.data_rank)
        losses = self.experiment.losses(batch)
        fresh: set[str] = set()
        while True:
            with torch.autocast(self.ranks.device.type, torch.bfloat16, enabled=self.half):
                each = next(losses, None)
            if each is None:
                break
            for name in each.optimisers:
                if name not in fresh:
                    self.optimisers[name].zero_grad(set_to_none=True)
            fresh.update(each.optimisers)
            each.minimise.backward()  # type: ignore[no-untyped-call]
            # Adversaries have losses of their own; parts that step on one loss share its name.
            prefix = "" if len(each.optimisers) == len(self.groups) else f"{each.optimisers[0]}/"
            log.add({prefix + part: as_mean(figure) for part, figure in each.shown.items()})
            if each.complete:
                norm = self._update(each, batch)
                log.add({f"{prefix}gradient_norm": as_mean(norm)})
                fresh.difference_update(each.optimisers)
        self.step += 1
        log.step(self.step, self.experiment.size(batch), time.monotonic() - started, waited)

    def _update(self, losses: Losses, batch: object) -> Tensor:
        """Clip, and step unless something is not finite; returns the gradients' norm before."""
        parameters = [parameter for name in losses.optimisers for parameter in self.groups[name]]
        norm = clip_gradients(parameters, self.config.optimisers[losses.optimisers[0]])
        if not torch.isfinite(norm):
            self._bad_loss(batch)
            return norm
        self.bad_in_a_row = 0
        for name in losses.optimisers:
            settings = self.config.optimisers[name]
            for group in self.optimisers[name].param_groups:
                group["lr"] = settings.learning_rate * settings.scale_at(self.step, self.config.steps)
            self.optimisers[name].step()
        return norm

    def _bad_loss(self, batch: object) -> None:
        self.bad_in_a_row += 1
        where = f"{self.config.name}, step {self.step}: loss or gradients are not finite"
        material = self.experiment.describe(batch)
        if self.config.on_bad_loss == "stop" or self.bad_in_a_row >= self.config.most_bad_losses:
            raise TrainingError(
                f"{where}, {self.bad_in_a_row} steps in a row{material and f', in {material}'}; the last checkpoint is "
                "kept: lower the learning rate or leave the material out"
            )
        if self.ranks.first:
            print(f"{where}; the step is left out{material and f' ({material})'}", flush=True)

    def _validate(self) -> dict[str, float]:
        self.experiment.module().eval()
        with (
            torch.no_grad(),
            torch.random.fork_rng(),
            torch.autocast(self.ranks.device.type, torch.bfloat16, enabled=self.half),
        ):
            torch.manual_seed(self.config.seed)
            return self.experiment.validate()

    def _keep(self, log: CurveLog) -> None:
        """Begin a checkpoint where one is due; one that fails on the way is told of, and the run goes on."""
        try:
            self.checkpoints.poll()
            if self.step % self.config.save_every == 0 and self.step < self.config.steps:
                self._begin_checkpoint()
        except OutputError as failure:
            log.say(str(failure))

    def _begin_checkpoint(self) -> None:
        self.checkpoints.begin(self.step, {"experiment": self.experiment.state()})

    def _stop(self, number: int, frame: FrameType | None) -> None:
        # A cluster's SIGTERM may come twice, from itself and from torchrun; only a person means it by insisting.
        if self.stopping and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.stopping = True


def _optimiser(parameters: list[nn.Parameter], settings: OptimiserConfig) -> torch.optim.AdamW:
    """AdamW that decays matrices only."""
    matrices = [parameter for parameter in parameters if parameter.ndim > 1]
    vectors = [parameter for parameter in parameters if parameter.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]], lr=settings.learning_rate, betas=settings.betas, fused=True
    )


def clip_gradients(parameters: list[nn.Parameter], settings: OptimiserConfig) -> Tensor:
    """Clip gradients in place; returns their norm before."""
    norm = gradient_norm(parameters)
    groups = [[parameter] for parameter in parameters] if settings.clip_each else [parameters]
    for group in groups:
        # A number, not a tensor: it multiplies plain and sharded gradients alike.
        longer = float(norm if len(groups) == 1 else gradient_norm(group)) / settings.clip_norm
        for parameter in group:
            if parameter.grad is not None and longer > 1.0:
                parameter.grad.mul_(1.0 / longer)
    return norm
