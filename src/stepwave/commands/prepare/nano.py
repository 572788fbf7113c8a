"""`stepwave prepare nano`: everything that nano is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def nano(
    step: Annotated[
        list[str] | None,
        typer.Option(help="Run only this step; may be given several times. Without it: all but codes."),
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder of real speech, sounds and texts.")] = Path("../shared/data"),
    runs: Annotated[Path, typer.Option(help="Everything made goes here.")] = Path("runs/nano"),
    processes: Annotated[int | None, typer.Option(help="Processes that speak; all cores by default.")] = None,
    scale: Annotated[float, typer.Option(help="Factor on the number of synthesised sentences.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Every choice is drawn from it.")] = 0,
) -> None:
    """Make nano's training material: fetch, speak, list, encode.

    The step `codes` needs the speech tokenizer, which is trained on the others: see docs/nano.md.

    Example: stepwave prepare nano --step speech --scale 0.1
    """
    from stepwave.prepare.nano import STEPS, NanoPreparation
    from stepwave.prepare.nano_texts import NanoAmounts

    steps = step or [name for name in STEPS if name != "codes"]
    NanoPreparation(data, runs, NanoAmounts().scaled(scale), seed, processes).run(steps, typer.echo)
