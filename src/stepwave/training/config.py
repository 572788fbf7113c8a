"""What a training run is told: steps, optimiser, precision, and how often it saves and checks."""

import math
from dataclasses import dataclass
from typing import Literal

from stepwave.facts.errors import ConfigError


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW with linear warm-up and cosine decay."""

    learning_rate: float
    warmup_steps: int = 50
    final_fraction: float = 0.05
    """Learning rate at the last step, as a fraction of the peak."""
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    clip_each: bool = False
    """Clip every tensor by itself, so that a spike in one (a rare token's embedding, say) does not mute the others."""

    def __post_init__(self) -> None:
        if self.learning_rate <= 0 or not 0 <= self.final_fraction <= 1 or self.clip_norm <= 0:
            raise ConfigError(f"bad optimiser settings {self}: wanted a positive rate and clip, a fraction in 0 to 1")

    def scale_at(self, step: int, steps: int) -> float:
        """Factor on the peak learning rate at `step` of `steps`."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        progress = min(1.0, (step - self.warmup_steps) / max(1, steps - self.warmup_steps))
        return self.final_fraction + (1 - self.final_fraction) * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class TrainConfig:
    """One whole run."""

    name: str
    """Folder of the run under the runs folder."""
    steps: int
    optimisers: dict[str, OptimiserConfig]
    """One per name that the experiment's `parameters()` uses."""
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    """Computation under autocast; parameters and optimiser state stay float32, or small updates are lost."""
    compile: bool = False
    """Compile the experiment's forward pass (worth it on a GPU, not for short runs on a CPU)."""
    save_every: int = 200
    validate_every: int = 200
    log_every: int = 10

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.optimisers:
            raise ConfigError(f"run {self.name!r} has {self.steps} steps and {len(self.optimisers)} optimisers")
