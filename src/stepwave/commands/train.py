"""`stepwave train`: run a recipe, on one process or under torchrun; `stepwave pack`: put trained parts together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stepwave.facts.errors import ConfigError

if TYPE_CHECKING:
    from stepwave.training.run import Run


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe, such as nano_sft; `list` shows them.")],
    runs: Annotated[Path, typer.Option(help="Folder of prepared material and of runs.")] = Path("runs/nano"),
    recipes: Annotated[Path, typer.Option(help="Folder of recipes.")] = Path("recipes"),
    show: Annotated[
        bool, typer.Option("--show", help="Print the whole configuration and what it would take; train nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="With --show: as one JSON object.")] = False,
    start: Annotated[
        str | None, typer.Option("--from", help="Start a stage from this model or run instead of the recipe's.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run's folder instead of the recipe's.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after so many minutes, with a checkpoint.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Length of the run, with its schedule, instead of the recipe's.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int | None, typer.Option(help="CPU threads; all cores by default.")] = None,
    trackers: Annotated[
        list[str] | None, typer.Option("--tracker", help="Where curves go too: tensorboard (usual), trackio, wandb.")
    ] = None,
) -> None:
    """Train by a recipe; a run that was stopped goes on where it was.

    Ctrl-C once saves and stops. Curves are in RUNS/training/RECIPE/curves.png. Under torchrun all its processes train
    together (docs/launching.md).

    Example: stepwave train nano_sft --minutes 30
    """
    from stepwave.training.memory import keep_memory_pages
    from stepwave.training.run import find_recipes

    known = find_recipes(recipes)
    if recipe == "list":
        for each, function in known.items():
            typer.echo(f"{each:24} {(function.__doc__ or '').strip().splitlines()[0]}")
        return
    if recipe not in known:
        raise ConfigError(f"no recipe called {recipe!r} in {recipes}; there are {', '.join(known)}")
    run = _changed(known[recipe](runs, device), runs, start, name, steps, trackers)
    if show:
        from stepwave.training.estimates.showing import show_run

        show_run(run, as_json=json)
        return
    keep_memory_pages()
    _train(run, runs, minutes, device, threads)


def _changed(
    run: Run, runs: Path, start: str | None, name: str | None, steps: int | None, trackers: list[str] | None
) -> Run:
    """The run with what the command line changes."""
    if start is not None and run.language is None:
        raise ConfigError(f"--from came, and {run.config.name} is no stage of the speech language model; leave it out")
    if start is not None:
        run = run.starting_from(start, runs)
    config = run.config if name is None else replace(run.config, name=name)
    config = config if steps is None else replace(config, steps=steps)
    return replace(run, config=config if trackers is None else replace(config, trackers=tuple(trackers)))


def _train(run: Run, runs: Path, minutes: float | None, device: str, threads: int | None) -> None:
    import torch

    from stepwave.training.language.building import write_run
    from stepwave.training.parallel import join, leave
    from stepwave.training.trainer import Trainer

    if threads is not None:
        torch.set_num_threads(threads)
    ranks = join(device, 1 if run.language is None else run.language.tensor_parallel)
    try:
        trainer = Trainer(run.config, run.build(), runs / "training", ranks)
        if ranks.first:
            write_run(
                trainer.folder, run.config, run.language, str(ranks.device), ranks.data_world * ranks.tensor_world
            )
        if trainer.resume() and ranks.first:
            typer.echo(f"going on from step {trainer.step}")
        trainer.run(minutes)
    finally:
        leave()


def pack(
    runs: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("runs/nano"),
    to: Annotated[Path, typer.Option(help="Model folder to write; parts that are there already are replaced.")] = Path(
        "models/nano"
    ),
    part: Annotated[
        list[str] | None,
        typer.Option(
            help="Replace only this one: speech_tokenizer, flow, vocoder, adaptor; may be given several times."
        ),
    ] = None,
) -> None:
    """Put nano's parts that have runs of their own, tokenizer and voices together as a model folder.

    The language model's stages start from such a folder; what they learn is exported by `stepwave models export`.

    Example: stepwave pack --to runs/nano/base
    """
    from stepwave.training.parts.packing import pack_nano

    for line in pack_nano(runs, to, part or ()):
        typer.echo(line)
