"""`stepwave transcribe`: recordings in, their words out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stepwave.commands import options
from stepwave.commands.console import Steps, complain, print_json, tell
from stepwave.facts.errors import AudioError


def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Recordings: wav, flac, ogg or mp3.")],
    model: options.Model = "nano",
    json: options.Json = False,
    device: options.Device = None,
    threads: options.Threads = None,
) -> None:
    """Write down what is said in recordings.

    Each may last up to half an hour. One that can't be used is told on stderr and the others are still done; the exit
    code is 1 then.

    \b
    Examples:
      stepwave transcribe memo.wav
      stepwave transcribe talks/*.flac
      stepwave transcribe talks/*.flac --json > talks.jsonl
    """
    from stepwave.dialogue.loading import load

    failed = False
    with Steps() as steps:
        steps.now(f"opening {model}")
        talker = load(model, device, threads)
        for number, file in enumerate(files, 1):
            steps.now(f"{file.name} ({number} of {len(files)})")
            try:
                text = talker.transcribe(file, steps.share)
            except AudioError as error:
                failed = True
                complain(str(error))
                if json:
                    print_json({"file": str(file), "error": str(error)})
                continue
            if json:
                print_json({"file": str(file), "text": text})
            else:
                tell(text if len(files) == 1 else f"{file}: {text}")
    if failed:
        raise typer.Exit(1)
