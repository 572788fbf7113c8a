"""`stepwave prepare voices`: the voice library that comes with the project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def voices(
    to: Annotated[Path, typer.Option(help="Folder for the library, which appears whole.")],
    starting: Annotated[
        Path, typer.Option(help="Files of the voices, as `stepwave prepare nano --step starting` brings them.")
    ] = Path("runs/nano/starting"),
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is in the folder.")] = False,
) -> None:
    """Make the demonstration library of voices: synthesised, reshaped, measured, described.

    Needs the extra `train`, and the programs flite and espeak-ng.

    Example: stepwave prepare voices --to models/voices --replace
    """
    from stepwave.commands.console import Steps
    from stepwave.prepare.voices.cast import Part
    from stepwave.prepare.voices.demo import make_demo_library
    from stepwave.tools.voices.embedding import speaker_embedding

    with Steps() as steps:

        def told(share: float, part: Part) -> None:
            steps.now(f"speaking {part.name}")
            steps.share(share)

        library = make_demo_library(to, starting, speaker_embedding(), told, replace)
    count = library.store.count()
    library.store.close()
    size = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
    typer.echo(f"{count} voices in {to}, {size / 1e6:.2f} MB")
