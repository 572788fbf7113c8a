"""What a run shows: a progress line, a JSON-lines log, TensorBoard where installed, and a PNG of the loss curves."""

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class CurveLog:
    """Collects the figures of a run; a context manager that draws the curves when it closes."""

    def __init__(self, folder: Path, name: str, steps: int) -> None:
        self.folder, self.name, self.steps = folder, name, steps
        self.path = folder / "log.jsonl"
        self.started = time.monotonic()
        self.window: list[tuple[dict[str, float], int, float]] = []
        self.board = _tensorboard(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.board is not None:
            self.board.close()
        draw_curves(self.path, self.folder / "curves.png", self.name)

    def cut(self, step: int) -> None:
        """Drop what was logged after `step`: a resumed run writes it again."""
        if self.path.exists():
            kept = [line for line in self.path.read_text().splitlines() if json.loads(line)["step"] <= step]
            self.path.write_text("".join(line + "\n" for line in kept))

    def step(self, step: int, losses: dict[str, float], size: int, seconds: float, every: int) -> None:
        """Add one step; every `every` steps write and print the mean of those since."""
        self.window.append((losses, size, seconds))
        if step % every and step != self.steps:
            return
        count = len(self.window)
        # A part that only some steps have is averaged over those.
        parts: dict[str, list[float]] = {}
        for entry, _, _ in self.window:
            for name, value in entry.items():
                parts.setdefault(name, []).append(value)
        means = {name: sum(values) / len(values) for name, values in parts.items()}
        spent = sum(entry[2] for entry in self.window)
        rate = sum(entry[1] for entry in self.window) / max(spent, 1e-9)
        self.window.clear()
        self._write({"step": step, **means, "per_second": rate})
        shown = "  ".join(f"{name} {value:.4g}" for name, value in means.items())
        remaining = (self.steps - step) * spent / count
        print(
            f"{self.name} {step}/{self.steps}  {shown}  {rate:.0f}/s  {spent / count:.2f} s/step"
            f"  {remaining / 60:.0f} min left",
            flush=True,
        )

    def validation(self, step: int, figures: dict[str, float]) -> dict[str, float]:
        """Write and print figures on held-out material; returns them."""
        self._write({"step": step, **{f"held_out/{name}": value for name, value in figures.items()}})
        print(f"{self.name} {step} held out: " + "  ".join(f"{n} {v:.4g}" for n, v in figures.items()), flush=True)
        return figures

    def _write(self, record: dict[str, float]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")
        if self.board is not None:
            for name, value in record.items():
                if name != "step":
                    self.board.add_scalar(name, value, int(record["step"]))


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"))


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
