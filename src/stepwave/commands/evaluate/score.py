"""`stepwave evaluate score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stepwave.commands.evaluate.parts import (
    LISTENER,
    VOICE_EAR,
    Judge,
    JudgeKey,
    Listener,
    SecondJudge,
    Threads,
    VoiceEar,
    open_parts,
)


def score(
    run: Annotated[Path, typer.Argument(help="Folder that a run was stored in.")],
    listener: Listener = LISTENER,
    voice_ear: VoiceEar = VOICE_EAR,
    judge: Judge = "rules",
    second_judge: SecondJudge = "",
    judge_key: JudgeKey = "",
    threads: Threads = 2,
) -> None:
    """Score the stored answers of a run again; no model is loaded, and no material is needed.

    What the listener heard before is kept in the run's folder and not listened to again.

    Example: stepwave evaluate score runs/evaluation/asr-1f2e3d4c5b
    """
    from stepwave.evaluation.evaluate import score_again
    from stepwave.evaluation.progress import ConsoleProgress
    from stepwave.evaluation.reporting.report import print_report

    parts = open_parts(listener, voice_ear, threads, judge, second_judge, judge_key)
    with ConsoleProgress(Console(stderr=True)) as progress:
        report = score_again(run, parts, progress)
    print_report(report, Console())
    typer.echo(f"answers, sounds and report.md, .json, .png: {run}")
