"""`stepwave prepare show`: a page by which material can be looked at and listened to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stepwave.commands.console import Steps, print_json
from stepwave.commands.prepare.running import Seed


def show(
    manifests: Annotated[
        list[Path], typer.Argument(metavar="MANIFEST...", help="Folders of finished steps, or manifest files.")
    ],
    to: Annotated[
        Path | None, typer.Option(help="The page, one HTML file; page.html, or none with --json, if not given.")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, max=500, help="Records drawn at random onto the page.")] = 40,
    seed: Seed = 0,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Write a page about manifests: figures over all records, and a random sample to read and listen to.

    The page is one file that loads nothing from elsewhere and stays under about 10 MB. Several manifests give one page
    with each one's figures and their sums.

    Example: stepwave prepare show runs/spoken runs/asr --to spoken.html
    """
    from stepwave.prepare.show.page import page
    from stepwave.prepare.show.survey import survey
    from stepwave.signal.atomic import check_target, replace_file

    target = Path("page.html") if to is None and not json else to
    if target is not None:
        check_target(target)
    with Steps() as steps:
        steps.now("reading")
        surveyed = survey(manifests, sample, seed, steps.describe)
        if target is not None:
            steps.now("writing the sample")
            replace_file(target, page(surveyed, progress=steps.share))
    if json:
        print_json(surveyed.as_json())
    else:
        total = surveyed.total
        typer.echo(
            f"{total.records} records, {total.different_seconds / 3600:.2f} h, {total.named_voices} voices: {target}"
        )
