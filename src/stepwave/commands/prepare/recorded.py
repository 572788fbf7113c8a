"""`stepwave prepare segment`, `transcribe`, `filter`, `interleave`, `tasks`: from recordings to training records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from stepwave.commands.prepare.running import OnRay, Seed, StoredAs, To, Workers, run

Source = Annotated[Path, typer.Argument(help="Folder of a finished step, or its manifest.")]
Pause = Annotated[
    float, typer.Option(help="Seconds between utterances of a recording up to which the second continues the first.")
]


def segment(
    source: Source,
    to: To,
    by: Annotated[
        Literal["silero", "level"], typer.Option(help="silero knows speech from other sound; level needs no package.")
    ] = "silero",
    shortest: Annotated[float, typer.Option(help="Seconds; shorter utterances are dropped.")] = 1.0,
    longest: Annotated[float, typer.Option(help="Seconds; longer speech is cut at its pauses.")] = 25.0,
    pause: Annotated[float, typer.Option(help="Seconds; shorter pauses do not part utterances.")] = 0.5,
    padding: Annotated[float, typer.Option(help="Seconds kept around an utterance.")] = 0.15,
    threshold: Annotated[float, typer.Option(help="Probability from which silero calls it speech.")] = 0.5,
    range_db: Annotated[float, typer.Option(help="Decibels under the loudest that level still calls sound.")] = 30.0,
    copy: Annotated[
        bool, typer.Option("--copy", help="Store utterances anew instead of referring to the file.")
    ] = False,
    workers: Workers = None,
    ray: OnRay = False,
    codec: StoredAs = "flac",
) -> None:
    """Cut long recordings into utterances where nobody speaks.

    Utterances refer to the recording. They are stored anew where it lies inside a tar and is longer than two minutes.

    Example: stepwave prepare segment material/podcasts --to material/utterances --longest 20
    """
    from stepwave.prepare.recorded.cutting import UtteranceBounds
    from stepwave.prepare.recorded.segment import Segment
    from stepwave.prepare.recorded.speech_activity import SpeechActivity

    activity = SpeechActivity(by, threshold, min(threshold, max(threshold - 0.15, 0.01)), range_db=range_db)
    bounds = UtteranceBounds(shortest, longest, pause, padding)
    run(Segment(source, activity, bounds, copy), to, workers, ray, codec)


def transcribe(
    source: Source,
    to: To,
    by: Annotated[str, typer.Option(help="Who listens: whisper:FOLDER, whisper:NAME or stepwave:MODEL.")],
    language: Annotated[str, typer.Option(help="Language of recordings that do not name theirs (en, zh, ...).")] = "en",
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Write the text of recordings that have none, and note what is heard in those that have one.

    Run it again with another listener, and `filter` keeps what both agree on.

    Example: stepwave prepare transcribe material/utterances --to material/transcribed --by whisper:base.en
    """
    from stepwave.prepare.recorded.transcribe import Transcribe

    run(Transcribe(source, by, language), to, workers, ray)


def filter_recordings(
    source: Source,
    to: To,
    most_error: Annotated[
        float, typer.Option(help="Share of words (characters in Chinese) that a second listener may hear otherwise.")
    ] = 0.1,
    shortest: Annotated[float, typer.Option(help="Seconds.")] = 0.5,
    longest: Annotated[float, typer.Option(help="Seconds.")] = 30.0,
    slowest: Annotated[float, typer.Option(help="Words per second.")] = 0.4,
    fastest: Annotated[float, typer.Option(help="Words per second.")] = 6.0,
    language: Annotated[
        list[str] | None, typer.Option(help="Keep only this language (en, zh, ...); may be given several times.")
    ] = None,
    quietest: Annotated[float, typer.Option(help="Integrated loudness in LUFS.")] = -45.0,
    loudest: Annotated[float, typer.Option(help="Integrated loudness in LUFS.")] = -5.0,
    most_clipped: Annotated[float, typer.Option(help="Share of samples at full scale.")] = 0.001,
    least_snr: Annotated[float, typer.Option(help="Speech over background in dB, estimated.")] = 10.0,
    untranscribed: Annotated[
        bool, typer.Option("--untranscribed", help="Keep recordings without a transcript.")
    ] = False,
    checked: Annotated[
        bool, typer.Option("--checked", help="Keep only transcripts that a second listener has checked.")
    ] = False,
    sounds: Annotated[bool, typer.Option(help="Open the sounds, or judge by texts and lengths alone.")] = True,
    same_sound: Annotated[bool, typer.Option(help="Drop a sound that is there already, in any encoding.")] = True,
    same_text: Annotated[bool, typer.Option(help="Drop a text that the same speaker says already.")] = False,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Keep the recordings whose transcript and sound can be trusted, each once.

    Example: stepwave prepare filter material/transcribed --to material/checked --most-error 0.05 --language en
    """
    from stepwave.prepare.recorded.filter import Filter
    from stepwave.prepare.recorded.judging import Limits

    limits = Limits(
        text_needed=not untranscribed,
        check_needed=checked,
        most_error=most_error,
        shortest=shortest,
        longest=longest,
        slowest=slowest,
        fastest=fastest,
        languages=tuple(language or ()),
        quietest=quietest,
        loudest=loudest,
        most_clipped=most_clipped,
        least_snr=least_snr,
    )
    run(Filter(source, limits, sounds, same_sound, same_text), to, workers, ray)


def interleave(
    source: Source,
    to: To,
    longest: Annotated[float, typer.Option(help="Seconds of a monologue, as if all of it were spoken.")] = 60.0,
    most: Annotated[int, typer.Option(help="Utterances of a monologue; how many is drawn.")] = 8,
    longest_run: Annotated[int, typer.Option(help="Utterances after which sound and text change at the latest.")] = 2,
    longest_pause: Pause = 3.0,
    continuations: Annotated[float, typer.Option(help="Share that becomes a continuation of two utterances.")] = 0.25,
    written: Annotated[float, typer.Option(help="Share of continuations that go on in writing.")] = 0.0,
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Make monologues that are sound and text by turns, and continuations, from neighbouring utterances.

    Example: stepwave prepare interleave material/checked --to material/interleaved --continuations 0.4
    """
    from stepwave.prepare.recorded.interleave import Interleave

    step = Interleave(source, seed, longest, most, longest_run, longest_pause, continuations, written)
    run(step, to, workers, ray)


def tasks(
    source: Source,
    to: To,
    asr: Annotated[float, typer.Option(help="Share of recordings to be written down.")] = 1.0,
    tts: Annotated[float, typer.Option(help="Share of recordings whose text is to be read aloud.")] = 1.0,
    continuation: Annotated[
        float, typer.Option(help="Share after which their neighbour follows, if there is one.")
    ] = 0.0,
    longest_pause: Pause = 3.0,
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
) -> None:
    """Make records to write down, to read aloud and to continue from recordings with transcripts.

    Example: stepwave prepare tasks material/checked --to material/tasks --tts 0.5
    """
    from stepwave.prepare.recorded.tasks import Tasks

    run(Tasks(source, seed, asr, tts, continuation, longest_pause), to, workers, ray)
