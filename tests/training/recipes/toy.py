"""A run that only one process can train."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from stepwave.training.config import OptimiserConfig, TrainConfig
from stepwave.training.experiment import Experiment, Losses
from stepwave.training.run import Run


class Line(Experiment):
    """Learns a line."""

    def __init__(self) -> None:
        self.net = nn.Linear(1, 1)

    def module(self) -> nn.Module:
        return self.net

    def parameters(self) -> dict[str, list[nn.Parameter]]:
        return {"net": list(self.net.parameters())}

    def batch(self, step: int) -> Tensor:
        return torch.randn(8, 1, generator=torch.Generator().manual_seed(step))

    def losses(self, batch: Tensor) -> Iterator[Losses]:
        yield Losses.of("net", {"loss": (self.net(batch) - 2 * batch).square().mean()})

    def size(self, batch: Tensor) -> int:
        return len(batch)

    def validate(self) -> dict[str, float]:
        return {}


def toy(folder: Path, device: str) -> Run:
    """A line."""
    return Run(TrainConfig("toy", 5, {"net": OptimiserConfig(1e-2)}), Line)
