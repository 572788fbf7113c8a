"""Where curves go beside a run's own log: TensorBoard, trackio, Weights & Biases."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from stepwave.facts.errors import ConfigError, MissingExtraError


class Tracker(Protocol):
    """Takes figures while a run lasts."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Take the figures of a step."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...


def open_trackers(names: Sequence[str], folder: Path, run: str) -> list[Tracker]:
    """Open trackers by name for the run in `folder`. TensorBoard, the default, is left out where it is not installed.

    Raises ConfigError for an unknown name, MissingExtraError for another one that is not installed.
    """
    unknown = [name for name in names if name not in TRACKERS]
    if unknown:
        raise ConfigError(f"tracker {unknown[0]!r} came; wanted some of {', '.join(TRACKERS)}")
    opened = []
    for name in names:
        try:
            opened.append(TRACKERS[name](folder, run))
        except ImportError:
            if name != "tensorboard":
                raise MissingExtraError("track", name) from None
    return opened


class _TensorBoard:
    def __init__(self, folder: Path, run: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer: Any = SummaryWriter(str(folder / "tensorboard"))

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        self.writer.close()


class _Module:
    """trackio and wandb, whose functions have the same names."""

    def __init__(self, module: Any, **settings: Any) -> None:
        self.module = module
        module.init(project="stepwave", **settings)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        self.module.log(dict(figures), step=step)

    def close(self) -> None:
        self.module.finish()


def _trackio(folder: Path, run: str) -> Tracker:
    import trackio

    return _Module(trackio, name=run, resume="allow")


def _wandb(folder: Path, run: str) -> Tracker:
    import wandb

    return _Module(wandb, name=run, id=run, resume="allow", dir=str(folder))


TRACKERS: Final[Mapping[str, Callable[[Path, str], Tracker]]] = {
    "tensorboard": _TensorBoard,
    "trackio": _trackio,
    "wandb": _wandb,
}
