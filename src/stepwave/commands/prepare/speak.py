"""`stepwave prepare speak`: scripts become sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from stepwave.commands.prepare.running import OnRay, Seed, StoredAs, To, Workers, run

VOICES = "a built-in library (light, human, mixed), a .toml file, or names joined by commas"


def speak(
    scripts: Annotated[Path, typer.Argument(help="Manifest of scripts, or the folder of a finished step.")],
    to: To,
    voices: Annotated[str, typer.Option(help=f"Who speaks: {VOICES}.")] = "light",
    assistant: Annotated[str, typer.Option(help="Who speaks the assistant's turns, if others do.")] = "",
    human: Annotated[str, typer.Option(help="Who speaks the human's turns, if others do.")] = "",
    starting: Annotated[
        Path, typer.Option(help="Files of the voices, as `stepwave prepare nano --step starting` brings them.")
    ] = Path("runs/nano/starting"),
    ear: Annotated[
        str,
        typer.Option(
            help="Who listens: along:FOLDER (Whisper base reads along), whisper:FOLDER, stepwave:MODEL; '' for nobody."
        ),
    ] = "along:runs/nano/starting/whisper-base",
    error_limit: Annotated[float, typer.Option(help="Most errors per word of a record that is kept.")] = 0.1,
    clip_limit: Annotated[
        float | None, typer.Option(help="Most errors per word of a single clip; the same as of a record by default.")
    ] = None,
    tries: Annotated[int, typer.Option(help="How often a clip is spoken before its record is dropped.")] = 2,
    surroundings: Annotated[float, typer.Option(help="Share of human turns heard in a room or among noise.")] = 0.0,
    rooms: Annotated[
        Literal["none", "noise", "shoebox"], typer.Option(help="How rooms are made; shoebox by pyroomacoustics.")
    ] = "noise",
    noises: Annotated[Path | None, typer.Option(help="Manifest of sounds to be heard behind such turns.")] = None,
    language: Annotated[str, typer.Option(help="Of turns that name none.")] = "en",
    limit: Annotated[int | None, typer.Option(help="Speak only so many scripts, spread over the manifest.")] = None,
    tts_url: Annotated[str, typer.Option(help="OpenAI-compatible speech endpoint for voices openai/NAME.")] = "",
    tts_model: Annotated[str, typer.Option(help="Model to ask for there.")] = "",
    tts_key_env: Annotated[str, typer.Option(help="Environment variable with the key; it is stored nowhere.")] = "",
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
    codec: StoredAs = "flac",
) -> None:
    """Speak scripts in drawn voices, and listen to every clip: what is not understood is tried again, then dropped.

    Example: stepwave prepare speak runs/scripts --voices mixed --assistant piper/joe-even --to runs/spoken
    """
    from stepwave.prepare.engines.speech_endpoint import EndpointSettings
    from stepwave.prepare.speaking.library import library
    from stepwave.prepare.speaking.speak import Speak
    from stepwave.prepare.speaking.surroundings import Surroundings

    libraries = {"": library(voices)}
    libraries |= {name: library(spec) for name, spec in (("assistant", assistant), ("human", human)) if spec}
    step = Speak(
        scripts,
        libraries,
        starting,
        ear,
        error_limit=error_limit,
        clip_limit=clip_limit,
        tries=tries,
        surroundings=Surroundings(surroundings, rooms),
        noises=noises,
        language=language,
        limit=limit,
        endpoint=EndpointSettings(tts_url, tts_model, tts_key_env) if tts_url else None,
        seed=seed,
    )
    run(step, to, workers, ray, codec)
