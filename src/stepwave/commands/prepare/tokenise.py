"""`stepwave prepare tokenise`: what training reads in place of sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from stepwave.commands.prepare.running import OnRay, Seed, To, Workers, run

if TYPE_CHECKING:
    from stepwave.prepare.tokenise import Asked


def tokenise(
    manifest: Annotated[Path, typer.Argument(help="Manifest of anything with sound, or a finished step's folder.")],
    to: To,
    model: Annotated[str, typer.Option(help="Model whose speech tokenizer and speaker embedding are used.")] = "nano",
    what: Annotated[
        list[str] | None,
        typer.Option(
            help="codes, speaker, frames (the encoder's), pitch; codes and speaker by default, nothing of these where "
            "only --augment is given."
        ),
    ] = None,
    augment: Annotated[
        int, typer.Option(min=0, help="Readings of each clip that is heard, in other places: their frames are stored.")
    ] = 0,
    noises: Annotated[
        Path | None, typer.Option(help="Manifest of sounds to be heard behind those readings; made-up noise without.")
    ] = None,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    batch: Annotated[int, typer.Option(min=1, help="Clips that are computed together; 32 or so on a GPU.")] = 1,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Compute speech tokens and speaker vectors of every clip, and the encoder's frames or the pitch if asked for.

    Example: stepwave prepare tokenise runs/spoken --to runs/tokens
    """
    from stepwave.prepare.tokenise import Tokenise

    chosen = cast("tuple[Asked, ...]", tuple(what or (() if augment else ("codes", "speaker"))))
    run(Tokenise(manifest, model, chosen, device, batch, augment, noises, seed), to, workers, ray)
