"""A training stage as data: what learns at which rate, on which mix, how long.

Recipes return stages; `experiment` and `trainer` carry them out. Nothing here builds a model or opens a file, so that
a stage for a thousand GPUs can be shown on a laptop.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from stepwave.data.sources.contract import SourceConfig
from stepwave.facts.errors import ConfigError
from stepwave.training.config import Schedule, scale_at

Part: TypeAlias = Literal["encoder", "adaptor", "decoder", "embedding", "head"]
"""What has a learning rate of its own. `decoder` is its blocks and last norm; where the head is tied to the embedding,
`embedding` decides."""
PARTS: Final[tuple[Part, ...]] = get_args(Part)


@dataclass(frozen=True)
class Rates:
    """Learning rate of one part over a stage."""

    peak: float
    final: float | None = None
    """At the last step; None where it stays at the peak."""

    def __post_init__(self) -> None:
        if self.peak <= 0 or (self.final is not None and not 0 <= self.final <= self.peak):
            raise ConfigError(f"learning rate {self.peak:g} to {self.final}; wanted a peak above 0 and a final below")

    @property
    def final_fraction(self) -> float:
        """The last learning rate as a fraction of the peak."""
        return 1.0 if self.final is None else self.final / self.peak


@dataclass(frozen=True)
class Portion:
    """One task's share of a stage's mix."""

    task: str
    """A kind of record, or `text`, as the report names its data."""
    tokens: float
    """Tokens of the whole stage that come from here; only their ratios matter to the mix."""
    sources: tuple[SourceConfig, ...] = ()
    """Where its records come from; a published recipe names none, they are the user's."""


@dataclass(frozen=True)
class Stage:
    """One stage of training the speech language model."""

    name: str
    rates: Mapping[Part, Rates]
    """Parts that learn; every other part is frozen."""
    portions: tuple[Portion, ...]
    sequence_length: int
    """Positions of one packed sequence."""
    sequences_per_step: int
    """Sequences in a step over all ranks and accumulation."""
    steps: int
    schedule: Schedule = "constant"
    warmup_steps: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)
    """By field: where its value comes from, or why it departs from the report's."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.rates) - set(PARTS))
        if unknown or not self.rates:
            raise ConfigError(f"stage {self.name}: {unknown or 'nothing'} is to learn; wanted some of {PARTS}")
        if min(self.sequence_length, self.sequences_per_step, self.steps) < 1 or self.warmup_steps < 0:
            raise ConfigError(f"stage {self.name}: lengths and steps must be 1 or more, warm-up 0 or more")
        weights = [portion.tokens for portion in self.portions]
        if not weights:
            raise ConfigError(f"stage {self.name}: the mix is empty; give it at least one portion")
        if min(weights) < 0 or sum(weights) <= 0 or not math.isfinite(sum(weights)):
            raise ConfigError(
                f"stage {self.name}: the tokens of the mix are {weights}; wanted none below 0 and a sum above 0"
            )

    @property
    def tokens_per_step(self) -> int:
        """Positions in a step over all ranks."""
        return self.sequence_length * self.sequences_per_step

    @property
    def tokens(self) -> int:
        """Positions of the whole stage."""
        return self.tokens_per_step * self.steps

    def rate_at(self, step: int, part: Part) -> float:
        """Learning rate of `part` at `step` (from 0)."""
        rates = self.rates[part]
        return rates.peak * scale_at(self.schedule, step, self.steps, self.warmup_steps, rates.final_fraction)
