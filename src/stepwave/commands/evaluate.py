"""`stepwave evaluate`: run a suite on a model, or score a stored run again, and show the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def evaluate(
    suite: Annotated[str, typer.Argument(help="Name of a suite, such as nano_quick; `list` shows them.")],
    model: Annotated[str, typer.Option(help="nano, a folder, or a hub id.")] = "nano",
    data: Annotated[Path, typer.Option(help="Folder of recordings and texts.")] = Path("../shared/data"),
    checks: Annotated[Path, typer.Option(help="Folder of what was synthesised for checking.")] = Path(
        "runs/nano/checks"
    ),
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder for answers and report; by default one per state of the model."),
    ] = None,
    only: Annotated[str | None, typer.Option(help="Only the check of this name, or all whose names begin so.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many items per check, for a quick look.")] = None,
    seed: Annotated[int, typer.Option(help="Every random choice of the model follows from it.")] = 0,
    listener: Annotated[Path, typer.Option(help="Folder of the Whisper model that listens to answers.")] = Path(
        "runs/nano/starting/whisper-base"
    ),
    voice_ear: Annotated[Path, typer.Option(help="Weights of CAM++, which compares voices.")] = Path(
        "runs/nano/starting/campplus.pt"
    ),
    device: Annotated[str, typer.Option(help="cpu, or cuda where there is one.")] = "cpu",
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 2,
    score: Annotated[
        Path | None, typer.Option(help="Score the run in this folder again; no model is loaded.", metavar="FOLDER")
    ] = None,
) -> None:
    """Measure a model: ask it every item, store the answers, score them, show figures with intervals.

    A run that was stopped goes on where it was; answers that are there are not asked for again.

    Example: stepwave evaluate nano_quick --only speech
    """
    from stepwave.evaluation.catalogue import find_suite, suite_names
    from stepwave.evaluation.declaration import Places
    from stepwave.evaluation.evaluate import Plan, score_again
    from stepwave.evaluation.evaluate import evaluate as run_suite
    from stepwave.evaluation.packages import check_packages
    from stepwave.evaluation.progress import ConsoleProgress
    from stepwave.evaluation.reporting.report import print_report
    from stepwave.evaluation.scoring.voice_ear import VoiceEar
    from stepwave.evaluation.subjects.own import ModelUnderTest
    from stepwave.prepare.transcribers import WhisperTranscriber

    if suite == "list":
        for known in map(find_suite, suite_names()):
            typer.echo(f"{known.name:12} {known.summary}: {', '.join(check.name for check in known.checks)}")
        return
    check_packages()
    ear, voices = WhisperTranscriber(listener, threads), VoiceEar(voice_ear)
    with ConsoleProgress(Console(stderr=True)) as progress:
        if score is not None:
            folder = score
            report = score_again(folder, ear, progress, voices)
        else:
            plan = Plan(find_suite(suite), Places(data, checks), only, limit, seed)
            subject = ModelUnderTest(model, device, threads)
            folder = output or Path("runs") / "evaluation" / f"{suite}-{subject.revision}"
            report = run_suite(plan, subject, ear, folder, progress, voices)
    print_report(report, Console())
    typer.echo(f"answers, sounds and report.md, .json, .png: {folder}")
