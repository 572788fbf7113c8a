"""A run's figures for people and programs: a table, Markdown, JSON. The picture is drawn in `picture`."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stepwave.evaluation.declaration import Suite
from stepwave.evaluation.figures import Figure, ScoredItem, Target, Unit
from stepwave.evaluation.reporting.picture import draw
from stepwave.signal.atomic import replace_file

NAME: Final = "report"
"""Of the files, before their endings."""
_COLUMNS: Final = ("what", "measure", "value", "95 % interval", "n", "failed", "wanted", "reached")


@dataclass(frozen=True)
class Report:
    """Everything that is told of a run."""

    suite: Suite
    figures: tuple[Figure, ...]
    """In the order of the suite."""
    not_measured: dict[str, str]
    """Checks that were to run and could not, each with the reason."""
    facts: dict[str, Any]
    """Model, seed, listener, what each check ran on."""
    cut: dict[str, int]
    """Per check, how many answers ran into the model's limit of length; they are scored as they are."""
    scores: tuple[ScoredItem, ...] = ()
    """What the figures are made of."""


def print_report(report: Report, console: Console) -> None:
    """Show the figures as a table, and under it what is worth knowing about them."""
    table = Table(
        title=f"{report.suite.name}: {report.suite.summary}",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in ("measure", "value", "95 % interval", "n", "wanted", "reached"):
        table.add_column(column, no_wrap=column != "measure", justify="right" if column == "value" else "left")
    before = None
    for figure in report.figures:
        what, name, value, interval, n, failed, *target = _cells(report, figure)
        if before != figure.check:
            table.add_row(f"[bold]{what}[/bold]")
        table.add_row(f"  {name}", value, interval, f"{n}, {failed} failed" if figure.failed else n, *target)
        before = figure.check
    console.print(table)
    for line in _remarks(report):
        console.print(line, highlight=False, markup=False)


def write_report(report: Report, folder: Path) -> None:
    """Store `report.md`, `report.json` and `report.png`. Raises OutputError, and MissingExtraError (the picture)."""
    replace_file(folder / f"{NAME}.md", markdown(report).encode())
    replace_file(folder / f"{NAME}.json", (json.dumps(_record(report), indent=1, allow_nan=False) + "\n").encode())
    draw(report.figures, report.scores, folder / f"{NAME}.png", f"{report.suite.name}, model {report.facts['model']}")


def markdown(report: Report) -> str:
    """The same table and remarks as text."""
    lines = [f"# {report.suite.name}: {report.suite.summary}", ""]
    lines += [f"| {' | '.join(_COLUMNS)} |", "|---|---|--:|---|--:|--:|---|---|"]
    lines += [f"| {' | '.join(_cells(report, figure))} |" for figure in report.figures]
    return "\n".join([*lines, "", f"![figures]({NAME}.png)", "", *(f"- {line}" for line in _remarks(report))]) + "\n"


def _cells(report: Report, figure: Figure) -> list[str]:
    check = next(each for each in report.suite.checks if each.name == figure.check)
    interval = None if math.isnan(figure.value) or report.facts.get("sample") else figure.interval
    return [
        f"{check.title}, {check.name.rpartition('-')[2]}" if "-" in check.name else check.title,
        _named(figure),
        "sample, no score" if report.facts.get("sample") else _number(figure.value, figure.unit),
        "" if interval is None else f"{_number(interval.low, '')} to {_number(interval.high, '')}",
        str(figure.n),
        str(figure.failed),
        "" if figure.target is None else _wanted(figure.target, figure.unit),
        {None: "", True: "yes", False: "no"}[None if report.facts.get("sample") else figure.met],
    ]


def _named(figure: Figure) -> str:
    if figure.group:
        return f"{figure.name}, {figure.group}"
    return f"{figure.name}, mean by {figure.by}" if figure.by else figure.name


def _number(value: float, unit: Unit) -> str:
    if math.isnan(value):
        return "nothing to score"
    return f"{value:.2f} {unit}".rstrip() if abs(value) < 10 else f"{value:.1f} {unit}".rstrip()


def _wanted(target: Target, unit: Unit) -> str:
    return f"{'<=' if target.better == 'lower' else '>='} {target.limit:g} {unit}".rstrip()


def _remarks(report: Report) -> list[str]:
    """What the figures were measured on and with, and what went wrong."""
    facts = report.facts
    shown = {figure.check for figure in report.figures}
    remarks = ["SAMPLE: a few items that come with the suite, to try the way. They give no scores."]
    remarks = remarks if facts.get("sample") else []
    remarks += [f"{check.name}: {check.on}." for check in report.suite.checks if check.name in shown]
    remarks += [f"{name}: NOT MEASURED: {reason}" for name, reason in report.not_measured.items()]
    reasons: dict[tuple[str, str], int] = {}
    for score in report.scores:
        if score.score is None:
            reasons[score.check, score.error] = reasons.get((score.check, score.error), 0) + 1
    remarks += [f"{check}: failed {count} times: {error}" for (check, error), count in reasons.items()]
    remarks += [
        f"{check}: {count} answers ran into the limit of length." for check, count in report.cut.items() if count
    ]
    remarks.append(f"Model {facts['model']}, revision {facts['revision']}, seed {facts['seed']}.")
    remarks.append(f"Listener: {facts['listener']}.")
    remarks += [f"Counted by {method}: {', '.join(where)}." for method, where in _methods(facts).items()]
    if facts.get("judge"):
        remarks.append(f"Judge: {facts['judge']}.")
    for check, agreed in facts.get("agreement", {}).items():
        remarks.append(
            f"{check}: the judge and a second one, {facts['second judge']}, agree on {agreed['percent']:.0f} % of "
            f"{agreed['items']} answers (Cohen's kappa {agreed['kappa']:.2f})."
        )
    places: dict[str, list[str]] = {}
    for check, place in facts["environments"].items():
        # A machine with other work to do is a slower one, so the load belongs to what each check ran on.
        places.setdefault(_place(place), []).append(f"{check} (load {place['load']})")
    remarks += [f"Ran on {place}: {', '.join(checks)}." for place, checks in places.items()]
    remarks.append(
        "Intervals: percentile bootstrap over items. Failed items are in no average, and no target is met with any."
    )
    return remarks


def _methods(facts: dict[str, Any]) -> dict[str, list[str]]:
    """Where each method was used, as `check: measures`."""
    used: dict[str, dict[str, list[str]]] = {}
    for check, measures in facts.get("methods", {}).items():
        for measure, methods in measures.items():
            for method in methods:
                used.setdefault(method, {}).setdefault(check, []).append(measure)
    return {
        method: [f"{check} ({', '.join(measures)})" for check, measures in checks.items()]
        for method, checks in used.items()
    }


def _place(environment: dict[str, Any]) -> str:
    return (
        f"{environment['processor']}, {environment['cores']} cores, {environment['threads']} threads, "
        f"Stepwave {environment['stepwave']}, PyTorch {environment['packages']['torch']}"
    )


def _record(report: Report) -> dict[str, Any]:
    """The report as JSON values; a number that is none becomes null."""
    figures = [{**asdict(figure), "met": figure.met} for figure in report.figures]
    record = {"suite": report.suite.name, "figures": figures, "not_measured": report.not_measured, **report.facts}
    return dict(_finite(record))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
