"""`stepwave prepare measure`, `scenes`, `captions`: what is heard in recordings, and records that ask for it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from stepwave.commands.prepare.running import OnRay, Seed, StoredAs, To, Workers, run

Rate = Annotated[Literal["16000", "24000"], typer.Option(help="Sample rate of mixes, in Hz.")]


def measure(
    manifest: Annotated[Path, typer.Argument(help="Manifest of speech, or the folder of a finished step.")],
    to: To,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Measure pitch, speed, rhythm, loudness and timbre of speech and write them into its clips' attributes.

    The sound stays where it is. Speed needs transcripts, in English or Chinese.

    Example: stepwave prepare measure runs/speech --to runs/measured
    """
    from stepwave.prepare.acoustics.measure import Measure

    run(Measure(manifest), to, workers, ray)


def scenes(
    sounds: Annotated[Path, typer.Argument(help="Manifest of sounds with one label each.")],
    to: To,
    count: Annotated[int, typer.Option(min=1, help="Scenes to make.")] = 1000,
    speech: Annotated[Path | None, typer.Option(help="Manifest of speech, for speakers in some scenes.")] = None,
    speaker_share: Annotated[float, typer.Option(min=0, max=1, help="Share of scenes with a speaker.")] = 0.4,
    questions: Annotated[int, typer.Option(min=0, help="Questions about each scene.")] = 3,
    choice_share: Annotated[float, typer.Option(min=0, max=1, help="Share of questions with options.")] = 0.4,
    rooms: Annotated[
        Literal["auto", "none", "noise", "shoebox"],
        typer.Option(
            help="Rooms: none, decaying noise, or reflections by pyroomacoustics; auto takes it if it is there."
        ),
    ] = "auto",
    room_share: Annotated[float, typer.Option(min=0, max=1, help="Share of scenes in a room.")] = 0.5,
    sample_rate: Rate = "16000",
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
    codec: StoredAs = "flac",
) -> None:
    """Mix sounds and speech by recipes, and write captions and questions that the recipes answer, with reasoning.

    Example: stepwave prepare scenes runs/sounds --speech runs/speech --count 200 --to runs/scenes
    """
    from stepwave.prepare.acoustics.scenes import Scenes

    chosen = rooms if rooms != "auto" else ("shoebox" if find_spec("pyroomacoustics") else "noise")
    step = Scenes(
        sounds=sounds,
        count=count,
        speech=speech,
        speaker_share=speaker_share,
        questions=questions,
        choice_share=choice_share,
        rooms=chosen,
        room_share=room_share,
        sample_rate=int(sample_rate),
        seed=seed,
    )
    run(step, to, workers, ray, codec)


def captions(
    speech: Annotated[Path, typer.Argument(help="Manifest of speech; run `measure` on it first.")],
    to: To,
    sounds: Annotated[Path | None, typer.Option(help="Manifest of sounds to mix behind some of the speech.")] = None,
    mixed_share: Annotated[float, typer.Option(min=0, max=1, help="Share of clips with a sound.")] = 0.5,
    questions: Annotated[int, typer.Option(min=0, help="Questions about each clip.")] = 2,
    least_known: Annotated[int, typer.Option(min=1, help="Drop clips of which fewer aspects are known.")] = 2,
    trust_style: Annotated[
        bool, typer.Option("--trust-style", help="The voices can act: an emotion asked of them is one that is heard.")
    ] = False,
    sample_rate: Rate = "16000",
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
    codec: StoredAs = "flac",
) -> None:
    """Describe speech by what was measured and noted: 11 aspects from gender to vocal sounds, and questions about them.

    What is not known is left out, and stands as null in the record's details.

    Example: stepwave prepare captions runs/measured --sounds runs/sounds --to runs/captions
    """
    from stepwave.prepare.acoustics.captions import Captions

    step = Captions(
        speech=speech,
        sounds=sounds,
        mixed_share=mixed_share,
        questions=questions,
        least_known=least_known,
        trust_style=trust_style,
        sample_rate=int(sample_rate),
        seed=seed,
    )
    run(step, to, workers, ray, codec)
