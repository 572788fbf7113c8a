"""`stepwave bench`: how fast this computer trains, how well a speech server serves, how quickly voices are found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stepwave.commands.extras import need_server
from stepwave.commands.options import Device, Model, Threads
from stepwave.facts.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from stepwave.serving.bench.measure import Level
    from stepwave.training.run import Run

app = typer.Typer(no_args_is_help=True, help="Measure speed and memory on this computer.")


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
    from stepwave.training.bench.figures import as_json, comparison, sections_of
    from stepwave.training.bench.measuring import Length, measure
    from stepwave.training.bench.plan import Changes, plan_recipe, plan_shape, variants
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


@app.command()
def serve(
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="WS", help="Measure the server there; one of our own is started without it."),
    ] = None,
    token: Annotated[
        str | None, typer.Option("--token", envvar="STEPWAVE_TOKEN", help="With --url: the server's token.")
    ] = None,
    model: Model = "nano",
    speakers: Annotated[
        str, typer.Option("--speakers", metavar="N,N,...", help="How many speak at once, one measurement each.")
    ] = "1,2,4,8",
    turns: Annotated[
        int | None, typer.Option("--turns", min=1, help="Questions of each speaker; 12 unless --minutes is given.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", help="Let speakers talk for so long instead, and watch memory.")
    ] = None,
    recordings: Annotated[
        Path, typer.Option("--recordings", metavar="FOLDER", help="Spoken questions, in it and below.")
    ] = Path("examples"),
    interrupt: Annotated[
        int, typer.Option("--interrupt", min=0, help="Of so many answers one is interrupted; 0 for none.")
    ] = 4,
    conversation: Annotated[
        int, typer.Option("--conversation", min=1, help="Turns after which a speaker hangs up and calls again.")
    ] = 8,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Every choice of the speakers follows from it.")] = 0,
    device: Device = None,
    threads: Threads = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="For figures, every turn, and pictures.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Talk to a speech server as so many people at once, and tell what they waited for and what it held.

    Simulated speakers ask recorded questions in real time, listen, and now and then interrupt. Ctrl-C ends it and tells
    what was measured so far. What the figures mean is in docs/serving-performance.md.

    \b
    Examples:
      stepwave bench serve                                  starts nano's server, 1, 2, 4 and 8 speakers
      stepwave bench serve --speakers 2 --minutes 60 -o soak
      stepwave bench serve --url ws://127.0.0.1:8000 --token TOKEN
    """
    import asyncio
    import signal
    from contextlib import AsyncExitStack
    from functools import partial

    from rich.console import Console

    from stepwave.checkpoints.environment import environment
    from stepwave.commands.console import Steps, print_json, tell

    need_server()
    from stepwave.serving.bench.line import Place
    from stepwave.serving.bench.measure import measure
    from stepwave.serving.bench.own_server import own_server
    from stepwave.serving.bench.pictures import check_drawing, draw
    from stepwave.serving.bench.recordings import read_recordings
    from stepwave.serving.bench.report import Measured, as_json, sections_of, store
    from stepwave.serving.bench.speaker import Habits
    from stepwave.serving.bench.watch import of_metrics, of_process
    from stepwave.training.sections import print_sections

    counts = _counts(speakers)
    if url is not None and (device is not None or threads is not None):
        raise ConfigError("--device and --threads are for a server of our own; leave them out, or leave out --url")
    each = 12 if turns is None and minutes is None else turns
    habits = Habits(each, None if minutes is None else 60 * minutes, interrupt, conversation, seed)
    usable, left_out = read_recordings(recordings)
    if output is not None:
        check_drawing()
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot write to '{output}': {error.strerror}; name another folder") from None
    facts = environment()

    with Steps() as steps:

        def told(level: Level) -> None:
            steps.now(f"{level.speakers} at once: {len(level.log.turns)} turns")

        async def run() -> list[Level]:
            # As Ctrl-C: a server of our own must not outlive us.
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)
            async with AsyncExitStack() as stack:
                if url is not None:
                    place = Place(url, token, model)
                    look = partial(of_metrics, place)
                else:
                    steps.now(f"starting a server for {model}")
                    own = await stack.enter_async_context(own_server(model, max(counts), device, threads))
                    place, look = own.place, partial(of_process, own.pid)
                return await measure(place, look, counts, usable, habits, told)

        levels = asyncio.run(run())
    server = {"url": url, "model": model, "own": url is None, "device": device, "threads": threads}
    measured = Measured(levels, habits, server, [one.name for one in usable], left_out, facts)
    if output is not None:
        store(measured, output)
        draw(levels, output)
    if json:
        print_json(as_json(measured))
        return
    print_sections(f"{model} at {url or 'a server of our own'}", sections_of(measured), Console())
    for line in left_out:
        tell(f"left out {line}")
    if output is not None:
        tell(f"figures, turns and pictures: {output}")


@app.command()
def voices(
    entries: Annotated[int, typer.Option("--entries", help="Voices in the library.")] = 20_000,
    queries: Annotated[int, typer.Option("--queries", help="Queries of each kind.")] = 200,
    store: Annotated[
        str | None, typer.Option("--store", metavar="ADDRESS", help="An empty database, postgresql://USER@HOST/NAME.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--in", metavar="FOLDER", help="Where a temporary library is made."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Every choice follows from it.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Fill a voice library with made-up entries and ask it: by words, by sound, by both, with a filter and without.

    What the figures mean is in docs/voices.md.

    Example: stepwave bench voices --entries 500000
    """
    import tempfile

    from rich.console import Console

    from stepwave.checkpoints.environment import environment
    from stepwave.commands.console import Steps, print_json
    from stepwave.tools.voices.measuring import as_json, measure_store
    from stepwave.tools.voices.opening import open_library
    from stepwave.training.sections import Quantity, Section, print_sections

    facts = environment()
    with tempfile.TemporaryDirectory(dir=folder) as made, Steps() as steps:
        where = Path(made)
        found = measure_store(where, lambda: open_library(where, store).store, entries, queries, seed, steps.now)
    if json:
        print_json({**as_json(found), "store": "postgresql" if store else "embedded", "environment": facts})
        return
    rows = [(kind, one.p50, one.p95, one.recall) for kind, one in found.queries.items()]
    about = (
        ("stored, entries a second", f"{found.added_per_second:,.0f}"),
        ("indexed afterwards, seconds", f"{found.settled_seconds:,.1f}"),
        ("on disk", Quantity(found.bytes, "bytes")),
    )
    sections = [
        Section("queries", ("kind", "p50 ms", "p95 ms", "recall@10"), tuple(rows)),
        Section("library", ("what", "value"), about),
    ]
    print_sections(f"{entries:,} voices", sections, Console())


def _counts(text: str) -> list[int]:
    from stepwave.serving.bench.measure import check_speakers

    try:
        counts = [int(one) for one in text.split(",")]
    except ValueError:
        raise ConfigError(f"--speakers is '{text}'; wanted numbers joined by commas, as 1,2,4,8") from None
    check_speakers(counts)
    return counts


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
