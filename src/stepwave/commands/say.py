"""`stepwave say`: a text in, its sound out."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from stepwave.commands import options
from stepwave.commands.console import Steps, complain, print_json
from stepwave.commands.voice_choice import chosen_voice


def say(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say; - reads it from standard input.")],
    output: options.Output,
    voice: options.Voice = None,
    model: options.Model = "nano",
    json: options.Json = False,
    seed: options.Seed = None,
    device: options.Device = None,
    threads: options.Threads = None,
) -> None:
    """Read a text aloud.

    Long texts are read sentence by sentence. Should a sentence not come out whole, that is told and the exit code is 1.

    \b
    Examples:
      stepwave say "Good morning. It is nine o'clock." -o morning.wav
      stepwave say - -o story.mp3 < story.txt
      stepwave say "Hello." -o hello.wav --voice my-own-voice.wav
      stepwave say "Hello." -o hello.wav --voice arthur
    """
    from stepwave.dialogue.loading import load
    from stepwave.facts.errors import TextError
    from stepwave.signal.files import check_audio_target, write_audio

    check_audio_target(output)
    words = sys.stdin.read() if text == "-" else text
    if not words.strip():
        raise TextError("got an empty text; wanted something to read aloud")
    with Steps() as steps:
        steps.now(f"opening {model}")
        talker = load(model, device, threads)
        ready = chosen_voice(talker, voice)
        steps.now("reading aloud")
        started = time.perf_counter()
        reading = talker.say(words, ready, seed, steps.share)
        took = time.perf_counter() - started
    write_audio(output, reading.samples, reading.sample_rate)
    for piece in reading.cut:
        complain(
            f"words may be missing in {piece!r}: its sound ran into a bound; try another --seed or shorter sentences"
        )
    if json:
        print_json(
            {
                "file": str(output),
                "text": words.strip(),
                "seconds": round(reading.seconds, 3),
                "cut": list(reading.cut),
                "timings": {"reading": round(took, 3)},
            }
        )
    else:
        typer.echo(f"sound: {output} ({reading.seconds:.1f} s, made in {took:.1f} s)")
    if reading.cut:
        raise typer.Exit(1)
