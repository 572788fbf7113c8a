"""Options that several commands share, so that they mean and are called the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

Model: TypeAlias = Annotated[
    str,
    typer.Option(
        "-m", "--model", metavar="NAME", help="nano, another name of `stepwave models list`, a folder, or a hub id."
    ),
]
Voice: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--voice",
        metavar="NAME|CLIP",
        help="A voice stored with the model, a recording of a few seconds (up to 10 are used) of any speaker, or a "
        "voice of a library (`stepwave voices list`).",
    ),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object per file instead of text.")]
Seed: TypeAlias = Annotated[
    int | None, typer.Option("--seed", help="Any number; the same one gives the same sound again.")
]
Device: TypeAlias = Annotated[
    str | None, typer.Option("--device", help="cpu or cuda; a GPU is taken by itself where there is one.")
]
Threads: TypeAlias = Annotated[
    int | None, typer.Option("--threads", min=1, help="CPU threads; all cores unless told otherwise.")
]
OUTPUT_HELP: Final = "Where the sound goes: .wav, .flac, .ogg or .mp3."
Output: TypeAlias = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help=OUTPUT_HELP)]
