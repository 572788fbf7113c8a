"""`stepwave models`: which models there are, what a folder holds, conversion of released files, export of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from stepwave.facts.errors import CheckpointNotFoundError

app = typer.Typer(no_args_is_help=True, help="Find, check, convert and export models.")


@app.command("list")
def list_models() -> None:
    """Show the known models and where each one is on this computer."""
    from stepwave.checkpoints.locate import KNOWN_MODELS, locate

    width = max(len(model.name) for model in KNOWN_MODELS) + 2
    for model in KNOWN_MODELS:
        try:
            where = str(locate(model.name))
        except CheckpointNotFoundError:
            where = f"not here; hub id {model.hub_id}" if model.hub_id else "not here"
        typer.echo(f"{model.name:{width}}{model.summary}\n{'':{width}}{where}")


@app.command()
def check(
    model: Annotated[str, typer.Argument(help="nano, a folder, or the hub id of a model in the local cache.")],
    digests: Annotated[
        bool, typer.Option("--digests", help="Also read every file and compare it with its recorded sha256.")
    ] = False,
) -> None:
    """Print what a model folder holds, lacks or has wrong, part by part. Nothing is loaded: headers say enough.

    Ends with exit code 1 where the model can't be used.
    """
    from stepwave.checkpoints.inspection import compare_digests
    from stepwave.checkpoints.layouts import inspect_layout, open_layout
    from stepwave.checkpoints.locate import cached_digests, locate
    from stepwave.checkpoints.nano import check_digests

    layout = open_layout(locate(model))
    report = inspect_layout(layout)
    table = Table(box=None, pad_edge=False)
    for title in ("part", "state", "tensors", "values", "MB", "stored as"):
        table.add_column(title, justify="right" if title in ("tensors", "values", "MB") else "left")
    for part in report.parts:
        state = "wrong" if part.problems else "good"
        size = f"{part.size / 1e6:.1f}"
        table.add_row(part.name, state, str(len(part.tensors)), f"{part.parameters:,}", size, part.types)
    console = Console(soft_wrap=True)
    console.print(f"{layout.folder} ({layout.kind} format)", highlight=False)
    console.print(table)
    problems = [*report.problems]
    if digests:
        problems += check_digests(layout.folder)
        problems += compare_digests(layout.folder, cached_digests(layout.folder))
    for name in layout.lacking:
        console.print(f"lacks {name}", highlight=False)
    for problem in problems:
        console.print(str(problem), highlight=False, markup=False)
    if problems or layout.lacking:
        raise typer.Exit(1)
    console.print("complete")


@app.command()
def convert(
    folder: Annotated[Path, typer.Argument(help="Folder of a released model; its token2wav folder is added to.")],
) -> None:
    """Write safetensors beside the pickles and the ONNX file of a released model's token2wav folder, once."""
    from stepwave.checkpoints.convert import convert as convert_folder

    for path in convert_folder(folder):
        typer.echo(str(path))


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a training run, such as runs/nano/training/NAME.")],
    to: Annotated[Path, typer.Option(help="Model folder to write, whole or not at all.")],
    form: Annotated[
        Literal["stepwave", "released"] | None,
        typer.Option("--format", help="Layout; that of the base by default, which others hardly fit."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(help="Model that untrained parts come from; by default the one that the run started from."),
    ] = None,
    storage: Annotated[
        Literal["float32", "bfloat16", "int8"] | None,
        typer.Option(help="How trained weights are stored; by default as the base stores them, or bfloat16."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is in the folder already.")] = False,
) -> None:
    """Make a whole model of a training run's newest checkpoint.

    LoRA adapters are folded into plain weights; tokenizer, voices and parts that did not learn come from the base.

    Example: stepwave models export runs/nano/training/nano_sft --to models/mine
    """
    from stepwave.training.language.exporting import export_run

    done = export_run(run, to, kind=form, base=base, storage=storage, replace=replace)
    trained = ", ".join(done.parts) or "nothing"
    typer.echo(
        f"{done.folder} ({done.kind} format): {trained} of {done.run}, step {done.step:,}; the rest of {done.base}"
    )
