"""`stepwave evaluate SUITE`: run a suite on a model, store the answers, score them, and show the figures."""

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


def run(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Option(
            "-m",
            "--model",
            metavar="NAME|KIND:TARGET",
            help="nano, a folder, a hub id; answers:FOLDER for answers that are there already; openai:URL#MODEL and "
            "realtime:URL#MODEL for servers; whisper:FOLDER and hf:FOLDER for recognisers. `stepwave evaluate list` "
            "shows every kind.",
        ),
    ] = "nano",
    key_env: Annotated[
        str, typer.Option(help="Environment variable with the key of a server under test; it is stored nowhere.")
    ] = "",
    data: Annotated[
        Path, typer.Option(help="Folder of recordings and texts; `docs/evaluation.md` shows the layouts.")
    ] = Path("../shared/data"),
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
    parallel: Annotated[
        int, typer.Option(help="Items asked at once, where the model allows it: a server does, one loaded here not.")
    ] = 1,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch data sets that are not here from their hubs; with --revision.")
    ] = False,
    revision: Annotated[
        str,
        typer.Option(metavar="COMMIT", help="The state of the hub's data set that is meant, 40 digits of a commit."),
    ] = "",
    sample: Annotated[
        bool, typer.Option("--sample", help="Ask the few items that come with the suite, to try the way; no score.")
    ] = False,
    listener: Listener = LISTENER,
    voice_ear: VoiceEar = VOICE_EAR,
    judge: Judge = "rules",
    second_judge: SecondJudge = "",
    judge_key: JudgeKey = "",
    device: Annotated[str, typer.Option(help="cpu, or cuda where there is one.")] = "cpu",
    threads: Threads = 2,
) -> None:
    """Measure a model by one suite: ask it every item, store the answers, score them, show figures with intervals.

    A run that was stopped goes on where it was; answers that are there are not asked for again.

    Example: stepwave evaluate nano_quick --only speech
    """
    from stepwave.evaluation.catalogue import find_suite
    from stepwave.evaluation.declaration import Places
    from stepwave.evaluation.evaluate import Plan, evaluate
    from stepwave.evaluation.progress import ConsoleProgress
    from stepwave.evaluation.reporting.report import print_report
    from stepwave.evaluation.subjects.opening import open_subject
    from stepwave.evaluation.subjects.options import SubjectOptions

    plan = Plan(
        find_suite(str(context.info_name)), Places(data, checks, fetch, revision, sample), only, limit, seed, parallel
    )
    parts = open_parts(listener, voice_ear, threads, judge, second_judge, judge_key)
    subject = open_subject(model, SubjectOptions(device, threads, parallel, key_env))
    folder = output or Path("runs") / "evaluation" / f"{plan.suite.name}{'-sample' * sample}-{_short(subject.revision)}"
    with ConsoleProgress(Console(stderr=True)) as progress:
        report = evaluate(plan, subject, parts, folder, progress)
    print_report(report, Console())
    typer.echo(f"answers, sounds and report.md, .json, .png: {folder}")


def _short(revision: str) -> str:
    """A revision as a part of a folder's name; the run's own file has it whole."""
    return "".join(letter if letter.isalnum() else "-" for letter in revision)[:40].strip("-")
