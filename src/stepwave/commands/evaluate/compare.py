"""`stepwave evaluate compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def compare(
    first: Annotated[Path, typer.Argument(help="Folder of a scored run.")],
    second: Annotated[Path, typer.Argument(help="Folder of another run of the same suite.")],
    items: Annotated[int, typer.Option(min=0, help="Items that differ most, listed for each measure.")] = 5,
) -> None:
    """Compare two runs item by item: each measure's difference with interval and p-value, and what differs most.

    Example: stepwave evaluate compare runs/evaluation/asr-1f2e3d4c5b runs/evaluation/asr-6a7b8c9d0e
    """
    from stepwave.evaluation.comparing import compare_stored
    from stepwave.evaluation.reporting.differing import print_comparison
    from stepwave.evaluation.stored_run import read_run

    runs = read_run(first), read_run(second)
    print_comparison(runs, compare_stored(*runs), items, Console())
