"""`stepwave bench`: how fast this computer trains, and where the time goes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stepwave.commands.options import Device, Threads
from stepwave.facts.errors import ConfigError

if TYPE_CHECKING:
    from stepwave.training.run import Run

app = typer.Typer(no_args_is_help=True, help="Measure speed and memory on this computer.")


@app.callback()
def _bench() -> None:
    """Keeps `train` a command of its own while there is no other."""


@app.command()
def train(
    recipe: Annotated[str | None, typer.Option(help="Measure this recipe on its own data.")] = None,
    shape: Annotated[
        Literal["nano", "mini-layers", "tiny"] | None,
        typer.Option(help="Measure a made-up model of this shape on made-up data; nano without --recipe."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Steps that count.")] = 10,
    warmup: Annotated[int, typer.Option(help="Steps before them.")] = 3,
    device: Device = None,
    threads: Threads = None,
    runs: Annotated[Path, typer.Option(help="With --recipe: folder of prepared material and of runs.")] = Path(
        "runs/nano"
    ),
    recipes: Annotated[Path, typer.Option(help="With --recipe: folder of recipes.")] = Path("recipes"),
    start: Annotated[
        str | None, typer.Option("--from", help="With --recipe: start from this model or run instead of its own.")
    ] = None,
    layers: Annotated[
        int | None, typer.Option(min=1, help="Blocks of mini-layers; 4 on a GPU, 1 on a CPU by default.")
    ] = None,
    full_head: Annotated[
        bool, typer.Option("--full-head", help="Give mini-layers the whole vocabulary, 1.1 B parameters.")
    ] = False,
    length: Annotated[int | None, typer.Option(help="Positions of a packed sequence.")] = None,
    document: Annotated[int | None, typer.Option(help="Mean positions of a made-up document.")] = None,
    at_once: Annotated[int | None, typer.Option("--at-once", help="Sequences in one forward pass.")] = None,
    sequences: Annotated[int | None, typer.Option(help="Sequences in a step over all processes.")] = None,
    recompute: Annotated[
        bool | None, typer.Option("--recompute/--keep", help="Compute activations again, or keep them.")
    ] = None,
    compiled: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Compile the decoder's blocks.")
    ] = None,
    precision: Annotated[
        Literal["float32", "bfloat16"] | None, typer.Option(help="In which type products are computed.")
    ] = None,
    packed: Annotated[
        bool | None, typer.Option("--packed/--unpacked", help="Several documents to a sequence, or one.")
    ] = None,
    attention: Annotated[
        Literal["split", "mask", "flex"] | None,
        typer.Option(help="Document by document, under a plain mask, or FlexAttention; what suits the device if none."),
    ] = None,
    lora: Annotated[int | None, typer.Option(help="Train adapters of this rank in place of the decoder.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that read and render.")] = None,
    compare: Annotated[
        Literal["compile", "recompute", "packed", "precision", "attention"] | None,
        typer.Option(help="Measure without it and with it, one after the other."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per measurement.")] = False,
) -> None:
    """Train for a few steps and tell tokens a second, the share of the device's peak, memory, and where time goes.

    Nothing that was learnt is kept. Under torchrun all its processes are measured together. What the figures mean is in
    docs/performance.md.

    \b
    Examples:
      stepwave bench train                                     nano's size, no data needed
      stepwave bench train --recipe nano_pretrain_3            a recipe on its data
      stepwave bench train --shape mini-layers --layers 4 --length 8192 --compare compile
    """
    if recipe is not None and shape is not None:
        raise ConfigError(f"both --recipe {recipe} and --shape {shape} came; give one of them")
    import torch
    from rich.console import Console

    from stepwave.commands.console import print_json
    from stepwave.training.benchmark import Length, measure
    from stepwave.training.benchmark_figures import as_json, comparison, sections_of
    from stepwave.training.benchmark_plan import Changes, plan_recipe, plan_shape, variants
    from stepwave.training.memory import keep_memory_pages
    from stepwave.training.parallel import join, leave
    from stepwave.training.sections import print_sections

    count = Length(steps, warmup)
    changes = Changes(
        sequence_length=length,
        at_once=at_once,
        sequences=sequences,
        recompute=recompute,
        compiled=compiled,
        precision=precision,
        packed=packed,
        attention=attention,
        lora_rank=lora,
        workers=workers,
        document_length=document,
    )
    # Training does the same.
    keep_memory_pages()
    if threads is not None:
        torch.set_num_threads(threads)
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    run = None if recipe is None else _recipe(recipe, recipes, runs, place, start)
    ranks = join(place, 1 if run is None or run.language is None else run.language.tensor_parallel)
    on_gpu = ranks.device.type == "cuda"
    console = Console()
    found = {}
    try:
        for label, each in variants(changes, compare).items():
            if run is not None:
                plan = plan_recipe(run, runs, each)
            else:
                blocks = layers or (4 if on_gpu else 1)
                plan = plan_shape(
                    shape or "nano",
                    each,
                    layers=blocks,
                    full_head=full_head,
                    processes=ranks.data_world,
                    workers=2 if on_gpu else 0,
                )
            found[label] = measure(plan, ranks, count)
            if ranks.first and json:
                print_json({"compared": label or None, **as_json(found[label])})
            elif ranks.first:
                name = plan.config.name
                print_sections(f"{name}, {label}" if label else name, sections_of(found[label]), console)
        if ranks.first and compare is not None and not json:
            print_sections(compare, [comparison(found)], console)
    finally:
        leave()


def _recipe(name: str, recipes: Path, runs: Path, device: str, start: str | None) -> Run:
    from stepwave.training.run import find_recipes

    known = find_recipes(recipes)
    if name not in known:
        raise ConfigError(f"no recipe called {name!r} in {recipes}; there are {', '.join(known)}")
    run = known[name](runs, device)
    if start is None:
        return run
    if run.language is None:
        raise ConfigError(f"--from came, and {name} is no stage of the speech language model; leave it out")
    return run.starting_from(start, runs)
