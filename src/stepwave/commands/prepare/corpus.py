"""`stepwave prepare corpus`: nano's whole corpus by one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stepwave.commands.prepare.running import OnRay, Seed, StoredAs, Workers, run
from stepwave.commands.prepare.show import show


def corpus(
    to: Annotated[Path, typer.Option(help="A folder for each stage is made here.")] = Path("runs/nano/corpus"),
    data: Annotated[Path, typer.Option(help="Folder of real speech, sounds and texts.")] = Path("../shared/data"),
    starting: Annotated[
        Path, typer.Option(help="Voices and listener, as `stepwave prepare nano --step starting` brings them.")
    ] = Path("runs/nano/starting"),
    stage: Annotated[
        list[str] | None, typer.Option(help="Run only this stage; may be given several times. `list` shows all.")
    ] = None,
    scale: Annotated[float, typer.Option(help="Factor on all amounts.")] = 1.0,
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
    codec: StoredAs = "flac",
) -> None:
    """Make the corpus that nano learns from: about 20 hours in all record kinds that make sense in English.

    Stages that are done are kept; stopped at any moment, it goes on where it was. When all are done, a page about what
    is learnt from lies beside them (`page.html`).

    Example: stepwave prepare corpus --scale 0.02 --to runs/small
    """
    from stepwave.facts.errors import ConfigError
    from stepwave.prepare.corpus import NanoCorpus

    stages = {each.name: each for each in NanoCorpus(data, starting, to, scale, seed).stages()}
    wanted = stage or list(stages)
    if wanted == ["list"]:
        for each in stages.values():
            typer.echo(f"{each.name}{'' if each.final else '  (on the way)'}")
        return
    if unknown := [name for name in wanted if name not in stages]:
        raise ConfigError(f"no stage called {', '.join(unknown)}; the stages are {', '.join(stages)}")
    for name in stages:
        if name in wanted:
            typer.echo(f"== {name}")
            run(stages[name].step(), to / name, workers, ray, codec)
    if stage is None:
        show([to / each.name for each in stages.values() if each.final], to / "page.html")
