"""What a run trains, on what, towards which losses: the contract between an experiment and the trainer.

An experiment owns the modules, draws batches and yields losses; how a run is stepped, saved and shown is the trainer's
business.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from stepwave.training.parallel import Ranks


@dataclass(frozen=True)
class Mean:
    """A figure that is averaged over items, which differ in number from batch to batch and from process to process."""

    sum: Tensor
    count: Tensor | int


@dataclass(frozen=True)
class Losses:
    """One loss to go backward from."""

    optimisers: tuple[str, ...]
    """Those that step on its gradients."""
    minimise: Tensor
    """The loss, a scalar. Over several processes its gradients are averaged."""
    shown: Mapping[str, Tensor | Mean]
    """Figures for the curves, by name."""
    complete: bool = True
    """Whether the optimisers step now; not yet where gradients of more micro-batches are to be added."""

    @classmethod
    def of(cls, optimiser: str, parts: Mapping[str, Tensor]) -> "Losses":
        """Minimise `parts["loss"]` by one optimiser; all parts are shown."""
        return cls((optimiser,), parts["loss"], parts)


class Experiment(ABC):
    """What is trained. One that a single process trains needs to define the abstract methods alone."""

    divisible: bool = False
    """Whether several processes can train it together; `place` then divides it among them."""

    @abstractmethod
    def module(self) -> nn.Module:
        """Everything whose weights a checkpoint must hold; what needs no gradient is left out of it."""

    @abstractmethod
    def parameters(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters by optimiser name."""

    @abstractmethod
    def batch(self, step: int) -> Any:
        """The batch of a step: a function of the seed, the step and the restored state alone."""

    @abstractmethod
    def losses(self, batch: Any) -> Iterator[Losses]:
        """Yield losses one by one; each is minimised before the iterator goes on."""

    @abstractmethod
    def size(self, batch: Any) -> int:
        """Positions or frames in a batch, for the throughput figure."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Figures on held-out material."""

    def place(self, ranks: Ranks, half: bool, compiled: bool) -> None:
        """Move the modules to their device and, if `divisible`, divide them among processes.

        `half`: computed in bfloat16; `compiled`: what runs often is to go through `torch.compile`.
        """
        self.module().to(ranks.device)
        if compiled:
            self.module().compile()

    def state(self) -> dict[str, Any]:
        """Where the data stands after the last batch drawn, as JSON values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state`; one whose batches follow from the step has none."""
        assert not state, state

    def describe(self, batch: Any) -> str:
        """Which material a batch holds, for a message about it."""
        return ""


def as_mean(figure: Tensor | Mean) -> tuple[Tensor, Tensor]:
    """Sum and count of a figure as scalars in float64."""
    if isinstance(figure, Mean):
        return figure.sum.detach().double(), torch.as_tensor(figure.count).double()
    return figure.detach().double(), torch.ones((), dtype=torch.float64)
