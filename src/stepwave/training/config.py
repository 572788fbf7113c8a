"""What a training run is told: steps, optimiser, precision, and how often it saves and checks."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from stepwave.data.loader_config import Policy
from stepwave.facts.errors import ConfigError

Schedule: TypeAlias = Literal["cosine", "linear", "constant"]


def scale_at(schedule: Schedule, step: int, steps: int, warmup_steps: int, final_fraction: float) -> float:
    """Factor on the peak learning rate at `step` (from 0) of `steps`: linear warm-up, then the schedule."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    if schedule == "constant":
        return 1.0
    if schedule == "cosine":
        progress = 0.5 * (1 - math.cos(math.pi * progress))
    return 1.0 + (final_fraction - 1.0) * progress


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW with a schedule."""

    learning_rate: float
    warmup_steps: int = 50
    final_fraction: float = 0.05
    """Learning rate at the last step, as a fraction of the peak."""
    schedule: Schedule = "cosine"
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    """Of matrices; vectors (norms, biases) are not decayed."""
    clip_norm: float = 1.0
    clip_each: bool = False
    """Clip every tensor by itself, so that a spike in one (a rare token's embedding, say) does not mute the others."""

    def __post_init__(self) -> None:
        if self.learning_rate <= 0 or not 0 <= self.final_fraction <= 1 or self.clip_norm <= 0:
            raise ConfigError(f"bad optimiser settings {self}: wanted a positive rate and clip, a fraction in 0 to 1")

    def scale_at(self, step: int, steps: int) -> float:
        """Factor on the peak learning rate at `step` of `steps`."""
        return scale_at(self.schedule, step, steps, self.warmup_steps, self.final_fraction)


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes, whatever it trains."""

    name: str
    """Folder of the run under the runs folder."""
    steps: int
    optimisers: dict[str, OptimiserConfig]
    """One per name that the experiment's `parameters()` uses."""
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    """Computation; parameters and optimiser state stay float32, or small updates are lost."""
    compile: bool = False
    """Compile what runs often (worth it on a GPU, not for short runs on a CPU)."""
    save_every: int = 200
    validate_every: int = 200
    log_every: int = 10
    on_bad_loss: Policy = "skip"
    """What to do when a loss or its gradients are not finite: leave the step out, or end the run."""
    most_bad_losses: int = 10
    """So many steps left out in a row end the run in any case."""
    trackers: tuple[str, ...] = ("tensorboard",)
    """Where curves go beside the run's own log: `tensorboard`, `trackio`, `wandb`."""

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.optimisers:
            raise ConfigError(f"run {self.name!r} has {self.steps} steps and {len(self.optimisers)} optimisers")
        if min(self.save_every, self.validate_every, self.log_every, self.most_bad_losses) < 1:
            raise ConfigError(f"run {self.name!r} saves, validates or logs every 0 steps; wanted 1 or more")
