"""One pass over manifests: figures of each and of all, what their steps report, and a sample of records."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Kind
from stepwave.prepare.show.accounts import Account, read_account
from stepwave.prepare.show.figures import Figures
from stepwave.prepare.show.sample import Drawn, Sample


@dataclass(frozen=True)
class Surveyed:
    """One manifest."""

    path: str
    """As it was named."""
    figures: Figures
    account: Account


@dataclass(frozen=True)
class Survey:
    """Several manifests."""

    manifests: tuple[Surveyed, ...]
    total: Figures
    """All of them together."""
    sample: dict[Kind, list[Drawn]]
    seed: int

    def as_json(self) -> dict[str, Any]:
        """The figures that the page shows, as JSON values; without the sample."""
        each = [
            {"manifest": one.path, **one.figures.as_json(), "report": one.account.as_json()} for one in self.manifests
        ]
        return {"total": self.total.as_json(), "manifests": each}


def survey(
    manifests: Sequence[Path], sample: int = 40, seed: int = 0, progress: Callable[[str], None] | None = None
) -> Survey:
    """Read each manifest (its folder or file) once and count; draw `sample` records from the seed.

    `progress` is told a few words now and then. Raises DataError for a manifest that can't be read, ConfigError for a
    sample that is too large.
    """
    drawing = Sample(sample, seed)
    total = Figures()
    surveyed = []
    for number, path in enumerate(manifests):
        figures = Figures()
        for record in read_manifest(path):
            figures.add(record)
            drawing.add(record, number)
            if progress is not None and figures.records % 1_000 == 0:
                progress(f"{path}: {figures.records} records")
        total.update(figures)
        folder = path if path.is_dir() else path.parent
        surveyed.append(Surveyed(str(path), figures, read_account(folder)))
    return Survey(tuple(surveyed), total, drawing.drawn(), seed)
