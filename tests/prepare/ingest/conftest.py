"""Small corpora on disk in the layouts in which they are published, with tones for sound."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record
from stepwave.prepare.ingest.step import Ingest
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step


class Disk:
    """Writes files below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def text(self, name: str, *lines: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    def tone(self, name: str, seconds: float = 0.5, hertz: float = 440.0, rate: int = 16_000) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        times = np.arange(round(seconds * rate)) / rate
        subtype = "OPUS" if path.suffix == ".opus" else None
        form = "OGG" if path.suffix == ".opus" else None
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * hertz * times), rate, subtype, format=form)
        return path


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "corpus")


Taken = Callable[..., tuple[dict[str, Record], dict[str, Any]]]


@pytest.fixture
def take(tmp_path: Path) -> Taken:
    """Runs the step inside this process: its records by id, and its totals."""
    count = 0

    def taken(corpus: str, folder: Path, **settings: Any) -> tuple[dict[str, Record], dict[str, Any]]:
        nonlocal count
        count += 1
        out = tmp_path / f"out-{count}"
        list(run_step(Ingest(corpus, folder, **settings), out, Processes(0)))
        return {record.id: record for record in read_manifest(out)}, read_totals(out)

    return taken
