"""`stepwave evaluate report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stepwave.commands.console import Steps

if TYPE_CHECKING:
    from stepwave.evaluation.reporting.sounds import Way


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of scored runs.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for report.html and report.md.")] = Path(
        "runs/evaluation/report"
    ),
    sounds: Annotated[
        str,
        typer.Option(
            metavar="auto|embed|link|none",
            help="Sounds inside the page up to 8 MB and linked beyond (auto), all inside, all linked, or none.",
        ),
    ] = "auto",
    items: Annotated[int, typer.Option(min=1, help="At most so many items of each check on the page.")] = 2_000,
) -> None:
    """Write a page about runs: figures beside the published ones, differences between runs, every item to listen to.

    The page is one file that loads nothing from the network. report.md has the report's tables with the runs in them.

    Example: stepwave evaluate report runs/evaluation/asr-1f2e3d4c5b runs/evaluation/nano_quick-1f2e3d4c5b
    """
    from stepwave.evaluation.reporting.page import write_page

    with Steps() as steps:
        steps.now("writing the page")
        written = write_page(runs, output, _way(sounds), items, steps.share)
    told = [f"{written.embedded} sounds inside", f"{written.linked} linked", f"{written.missing} missing"]
    typer.echo(f"{written.page} ({', '.join(told)}), {written.tables}")


def _way(name: str) -> Way:
    from stepwave.evaluation.reporting.sounds import WAYS
    from stepwave.facts.errors import ConfigError

    for way in WAYS:
        if way == name:
            return way
    raise ConfigError(f"got --sounds {name}; wanted one of {', '.join(WAYS)}")
