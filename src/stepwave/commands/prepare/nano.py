"""`stepwave prepare nano`: everything that nano is trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stepwave.commands.prepare.running import OnRay, Seed, Workers, run


def nano(
    step: Annotated[
        list[str] | None,
        typer.Option(
            help="Run only this step: starting, corpus, checks, tokens, pitch, augmented, voices or codes; may be "
            "given several times. Without it: all but voices and codes."
        ),
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder of real speech, sounds and texts.")] = Path("../shared/data"),
    runs: Annotated[Path, typer.Option(help="Everything made goes here.")] = Path("runs/nano"),
    model: Annotated[
        str, typer.Option(help="Model whose encoder, speech tokenizer and speaker embedding are used.")
    ] = "nano",
    scale: Annotated[float, typer.Option(help="Factor on all amounts.")] = 1.0,
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Make nano's training material: fetch, make the corpus, hold out the checks, compute what training reads.

    The step `codes` computes speech tokens anew after the speech tokenizer has been trained: see docs/nano.md.

    Example: stepwave prepare nano --step starting
    """
    from stepwave.facts.errors import ConfigError
    from stepwave.prepare.nano import DEFAULT_STEPS, STEPS, NanoPreparation

    wanted = step or DEFAULT_STEPS
    if unknown := [name for name in wanted if name not in STEPS]:
        raise ConfigError(f"no step called {', '.join(unknown)}; the steps are {', '.join(STEPS)}")
    preparation = NanoPreparation(data, runs, model, scale, seed)
    runs.mkdir(parents=True, exist_ok=True)
    for name in STEPS:
        if name not in wanted:
            continue
        if name == "starting":
            preparation.fetch(typer.echo)
        if name == "checks":
            preparation.hold_out(typer.echo)
        for stage in preparation.stages(name):
            typer.echo(f"== {stage.name}")
            run(stage.step(), runs / stage.name, workers, ray)
