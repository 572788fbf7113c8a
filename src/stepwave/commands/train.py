"""`stepwave train`: run a recipe, and `stepwave pack`: put trained parts together as a model folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from stepwave.facts.errors import ConfigError


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, such as nano_vocoder; `list` shows them.")],
    runs: Annotated[Path, typer.Option(help="Folder of prepared material and of runs.")] = Path("runs/nano"),
    recipes: Annotated[Path, typer.Option(help="Folder of recipes.")] = Path("recipes"),
    minutes: Annotated[float | None, typer.Option(help="Stop after so many minutes, with a checkpoint.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Length of the run, with its schedule, instead of the recipe's.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int | None, typer.Option(help="CPU threads; all cores by default.")] = None,
) -> None:
    """Train one part by its recipe; a run that was stopped goes on where it was.

    Ctrl-C once saves and stops. Curves are in RUNS/training/RECIPE/curves.png.

    Example: stepwave train nano_vocoder --minutes 30
    """
    from stepwave.training.memory import keep_memory_pages
    from stepwave.training.run import find_recipes

    known = find_recipes(recipes)
    if recipe == "list":
        for name, function in known.items():
            typer.echo(f"{name:24} {(function.__doc__ or '').strip().splitlines()[0]}")
        return
    if recipe not in known:
        raise ConfigError(f"no recipe called {recipe!r} in {recipes}; there are {', '.join(known)}")
    keep_memory_pages()

    import torch

    from stepwave.training.trainer import Trainer

    if threads is not None:
        torch.set_num_threads(threads)
    run = known[recipe](runs, device)
    config = run.config if steps is None else replace(run.config, steps=steps)
    trainer = Trainer(config, run.experiment, runs / "training", device)
    if trainer.resume():
        typer.echo(f"going on from step {trainer.step}")
    trainer.run(minutes)


def pack(
    runs: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("runs/nano"),
    to: Annotated[Path, typer.Option(help="Model folder to write; parts that are there already are replaced.")] = Path(
        "models/nano"
    ),
) -> None:
    """Put nano's trained parts, tokenizer and voices together as a model folder.

    Example: stepwave pack --to models/nano
    """
    from stepwave.training.packing import pack_nano

    for line in pack_nano(runs, to):
        typer.echo(line)
