"""What a run shows: a progress line, a JSON-lines log, trackers such as TensorBoard, and a PNG of the loss curves."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from stepwave.training.config import TrainConfig
from stepwave.training.parallel import Ranks
from stepwave.training.trackers import open_trackers


class CurveLog:
    """Collects the figures of a run over all its processes; a context manager that draws the curves when it closes.

    Figures are sums and counts, so that an average over processes weighs every item alike. The first process writes.
    """

    def __init__(self, folder: Path, config: TrainConfig, ranks: Ranks) -> None:
        self.folder, self.config, self.ranks = folder, config, ranks
        self.path = folder / "log.jsonl"
        self.trackers = open_trackers(config.trackers, folder, config.name) if ranks.first else []
        self._clear()

    def _clear(self) -> None:
        self.sums: dict[str, tuple[Tensor, Tensor]] = {}
        self.steps = self.size = 0
        self.seconds = self.waited = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for tracker in self.trackers:
            tracker.close()
        if self.ranks.first:
            try:
                draw_curves(self.path, self.folder / "curves.png", self.config.name)
            except OSError as failure:
                self.say(f"the curves could not be drawn: {failure.strerror}")

    def cut(self, step: int) -> None:
        """Drop what was logged after `step`: a resumed run writes it again."""
        if self.ranks.first and self.path.exists():
            kept = [line for line in self.path.read_text().splitlines() if json.loads(line)["step"] <= step]
            self.path.write_text("".join(line + "\n" for line in kept))

    def add(self, figures: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        """Add sums and counts of this process to those since the last line."""
        for name, (value, count) in figures.items():
            before = self.sums.get(name, (0.0, 0.0))
            self.sums[name] = (before[0] + value, before[1] + count.to(value.device))

    def step(self, step: int, size: int, seconds: float, waited: float) -> None:
        """Close one step of `size` positions, which took `seconds`, `waited` of them for data; lines come every few."""
        self.steps, self.size = self.steps + 1, self.size + size
        self.seconds, self.waited = self.seconds + seconds, self.waited + waited
        if step % self.config.log_every and step != self.config.steps:
            return
        means, size = self._over_all()
        spent, count, waiting = self.seconds, self.steps, self.waited / max(self.seconds, 1e-9)
        self._clear()
        rate = size / max(spent, 1e-9)
        self._write({"step": step, **means, "per_second": rate, "waiting": waiting})
        shown = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        remaining = (self.config.steps - step) * spent / count
        self.say(
            f"{self.config.name} {step}/{self.config.steps}  {shown}  {rate:.0f}/s  {spent / count:.2f} s/step"
            f"  {remaining / 60:.0f} min left"
        )

    def _over_all(self) -> tuple[dict[str, float], int]:
        """Means and sizes over all processes. A part that only some steps have is averaged over those."""
        names = sorted(self.sums)
        if self.ranks.mesh is not None:
            names = _names_anywhere(names)
        flat = [each for name in names for each in self.sums.get(name, (0.0, 0.0))]
        table = torch.tensor([float(each) for each in flat] + [float(self.size)], dtype=torch.float64)
        if self.ranks.mesh is not None:
            table = self.ranks.sum(table.to(self.ranks.device)).cpu()
        values = table.tolist()
        means = {
            name: values[2 * place] / values[2 * place + 1] for place, name in enumerate(names) if values[2 * place + 1]
        }
        return means, round(values[-1])

    def validation(self, step: int, figures: dict[str, float]) -> dict[str, float]:
        """Write and print figures on held-out material; returns them."""
        self._write({"step": step, **{f"held_out/{name}": value for name, value in figures.items()}})
        self.say(f"{self.config.name} {step} held out: " + "  ".join(f"{n} {v:.4g}" for n, v in figures.items()))
        return figures

    def say(self, line: str) -> None:
        """Print a line, once for all processes."""
        if self.ranks.first:
            print(line, flush=True)

    def _write(self, record: dict[str, float]) -> None:
        if not self.ranks.first:
            return
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as failure:
            self.say(f"{self.path} could not be written: {failure.strerror}")
        figures = {name: value for name, value in record.items() if name != "step"}
        for tracker in self.trackers:
            tracker.log(int(record["step"]), figures)


def _names_anywhere(names: list[str]) -> list[str]:
    """Names that any process has: a figure that one has and another lacks must not shift the sums of the rest."""
    found: list[list[str] | None] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(found, names)
    return sorted({name for each in found for name in each or ()})


def draw_curves(log: Path, picture: Path, title: str) -> None:
    """Draw every figure of a JSON-lines log against the step; does nothing where matplotlib is not installed."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return
    if not log.exists():
        return
    series: dict[str, tuple[list[float], list[float]]] = {}
    for line in log.read_text().splitlines():
        record = json.loads(line)
        for name, value in record.items():
            if name != "step":
                steps, values = series.setdefault(name, ([], []))
                steps.append(record["step"])
                values.append(value)
    if not series:
        return
    columns = min(3, len(series))
    rows = -(-len(series) // columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(4.5 * columns, 3 * rows), squeeze=False)
    for axis in axes.flat[len(series) :]:
        axis.set_visible(False)
    for axis, (name, (steps, values)) in zip(axes.flat, series.items(), strict=False):
        axis.plot(steps, values, marker="." if name.startswith("held_out") else None)
        axis.set_title(name, fontsize=9)
        axis.grid(alpha=0.3)
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(picture, dpi=90)
    pyplot.close(figure)
