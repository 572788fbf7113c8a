"""What all steps share on the command line: their options, progress while they run, and a summary at the end."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stepwave.commands.console import Steps

if TYPE_CHECKING:
    from stepwave.prepare.pipeline.steps import Step

To = Annotated[Path, typer.Option(help="Folder for the output: manifest, sounds, report. Run again to go on.")]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Worker processes; all cores by default, 0 works inside this process.")
]
OnRay = Annotated[bool, typer.Option("--ray", help="Work on Ray Data (extra `prepare`) instead of local processes.")]
Seed = Annotated[int, typer.Option(help="Every choice is drawn from it.")]
StoredAs = Annotated[
    Literal["flac", "opus"], typer.Option(help="flac without loss, opus at about a tenth of the size.")
]

PLAIN_PROGRESS_SECONDS = 10.0
"""Between lines of progress where stderr is no terminal."""


def run(step: Step, to: Path, workers: int | None, on_ray: bool, codec: Literal["flac", "opus"] = "flac") -> None:
    """Run a step with progress on stderr, then say on stdout what came out. Raises what the step raises."""
    from stepwave.prepare.pipeline.processes import Processes
    from stepwave.prepare.pipeline.ray_data import RayData
    from stepwave.prepare.pipeline.run import read_totals, run_step

    count = workers if workers is not None else os.cpu_count() or 1
    executor = RayData(max(1, count)) if on_ray else Processes(count)
    shown = time.monotonic()
    with Steps() as bar:
        bar.now(step.name)
        for progress in run_step(step, to, executor, codec):
            bar.describe(f"{step.name}: {progress}")
            bar.share(progress.done / max(progress.parts, 1))
            if not bar.visible and time.monotonic() - shown > PLAIN_PROGRESS_SECONDS:
                shown = time.monotonic()
                typer.echo(f"{step.name}: {progress}", err=True)
    totals = read_totals(to)
    typer.echo(f"{step.name}: {totals['records']} records, {totals['hours']:.2f} h, in {to}")
    for what in ("dropped", "retried"):
        counts = ", ".join(f"{count} {reason}" for reason, count in totals[what].items())
        if counts:
            typer.echo(f"{what}: {counts}")
