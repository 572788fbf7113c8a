"""The report's tables with runs of ours in them: a row for each system, published ones with their source."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from stepwave.evaluation.comparing import pooled_interval
from stepwave.evaluation.figures import Figure
from stepwave.evaluation.reporting.published import Column, Row, Table, tables_of
from stepwave.evaluation.stored_run import StoredRun

NO_FIGURE = "–"


@dataclass(frozen=True)
class Cell:
    """A figure in a table."""

    value: float | None = None
    """None where there is no figure."""
    text: str = NO_FIGURE
    """The figure as it is printed."""
    interval: str = ""
    """The 95 % interval as it is printed, of runs alone."""
    count: str = ""
    """Of how many items, and how many of them failed; of runs alone."""


@dataclass(frozen=True)
class TableRow:
    """A system in a table."""

    system: str
    source: str
    """Where its figures are from, in a few words."""
    kind: Literal["published", "run", "sample"]
    cells: tuple[Cell, ...]


def labels(runs: Sequence[StoredRun]) -> dict[StoredRun, str]:
    """A short name for each run: its model's, with the revision where two models share that.

    Runs of one model share a name, as a system that was measured by several suites; two of one suite differ by folder.
    """
    names = {run: run.model.rstrip("/").rpartition("/")[2] or run.model for run in runs}
    for clash, more in ((_other_system, _revision), (_other_run, _folder)):
        taken = dict(names)
        for run in runs:
            if any(taken[other] == taken[run] and clash(other, run) for other in runs):
                names[run] += more(run)
    return names


def _other_system(one: StoredRun, other: StoredRun) -> bool:
    return (one.model, one.revision) != (other.model, other.revision)


def _other_run(one: StoredRun, other: StoredRun) -> bool:
    return one is not other and (one.suite == other.suite or _other_system(one, other))


def _revision(run: StoredRun) -> str:
    return f" {run.revision[:10]}"


def _folder(run: StoredRun) -> str:
    return f" ({run.folder.name})"


def rows_of(table: Table, runs: Sequence[StoredRun], names: dict[StoredRun, str]) -> tuple[TableRow, ...]:
    """Every published row, and then each run that has a figure of the table's suite."""
    rows = [TableRow(row.system, _told_in(row), "published", _printed(table, row)) for row in table.rows]
    for run in runs:
        if run.suite == table.suite:
            cells = tuple(cell_of(table, column, run) for column in table.columns)
            kind: Literal["run", "sample"] = "sample" if run.sample else "run"
            rows.append(TableRow(names[run], f"run {run.revision[:10]}", kind, cells))
    return tuple(rows)


def best_of(table: Table, rows: Sequence[TableRow], place: int) -> float | None:
    """The best figure of a column, published or ours."""
    values = [value for row in rows if row.kind != "sample" and (value := row.cells[place].value) is not None]
    if not values:
        return None
    return min(values) if table.better == "lower" else max(values)


def cell_of(table: Table, column: Column, run: StoredRun) -> Cell:
    """The figure of a run for a column: its own, or the mean of those that the column is a mean of.

    A sample's cell holds no figure, only of how many items it would be.
    """
    figures = _figures(table, column, run)
    if not figures:
        return Cell()
    count = counted(sum(figure.n for figure in figures), sum(figure.failed for figure in figures))
    value = fmean(figure.value for figure in figures)
    if run.sample or math.isnan(value):
        return Cell(count=count)
    interval = figures[0].interval if len(figures) == 1 else pooled_interval(run, figures)
    spread = "" if interval is None else f"{interval.low:.1f}–{interval.high:.1f}"
    return Cell(value, f"{value:.{max(1, _digits(table, column))}f}", spread, count)


def counted(n: int, failed: int) -> str:
    """Of how many items a figure is."""
    return f"n {n:,}" + (f", {failed:,} failed" if failed else "")


def markdown(table: Table, rows: Sequence[TableRow]) -> str:
    """The table as Markdown; of wide tables each heading above columns makes one of its own."""
    parts = [f"### {table.title} ({table.unit}, {table.better} is better)", ""]
    if table.note:
        parts += [table.note, ""]
    for under in dict.fromkeys(column.under for column in table.columns):
        places = [place for place, column in enumerate(table.columns) if column.under == under]
        heads = [f"{table.columns[place].name} {table.columns[place].metric}".strip() for place in places]
        if under:
            parts += [f"**{under}**", ""]
        parts += [f"| system | source | {' | '.join(heads)} |", f"|---|---|{'--:|' * len(places)}"]
        for row in rows:
            system = escaped_markdown(row.system)
            name = {"published": system, "run": f"**{system}**", "sample": f"SAMPLE {system}"}[row.kind]
            cells = [_plain(row.cells[place]) for place in places]
            parts.append(f"| {name} | {row.source} | {' | '.join(cells)} |")
        parts.append("")
    return "\n".join(parts)


def escaped_markdown(text: str) -> str:
    """A text on one line of Markdown, in which nothing is markup."""
    one_line = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`|<>[]_*#&" else letter for letter in one_line)


def suites_with_tables(runs: Sequence[StoredRun]) -> dict[str, tuple[Table, ...]]:
    """The suites of the runs, in their order, with the tables that they are compared with."""
    return {suite: tables_of(suite) for suite in dict.fromkeys(run.suite for run in runs)}


def _plain(cell: Cell) -> str:
    told = ", ".join(filter(None, (cell.interval, cell.count)))
    return f"{cell.text} ({told})" if told else cell.text


def _told_in(row: Row) -> str:
    return f"report, {row.place}" if row.source.name == "paper" else "README"


def _printed(table: Table, row: Row) -> tuple[Cell, ...]:
    return tuple(
        Cell(text="N/A") if value is None else Cell(value, f"{value:.{_digits(table, column)}f}")
        for column, value in zip(table.columns, row.values, strict=True)
    )


def _digits(table: Table, column: Column) -> int:
    """As many decimals as the report prints."""
    if table.suite == "paralinguistic" and column.group:
        return 0
    return {"mmau": 1, "big_bench_audio": 1, "toolcall": 1}.get(table.suite, 2)


def _figures(table: Table, column: Column, run: StoredRun) -> tuple[Figure, ...]:
    """The figure that belongs into a column, or the figures whose mean does; none if one of them isn't there.

    A run's own mean of groups counts only where it has every group that the report has.
    """
    by_key = {each.key: each for other in tables_of(table.suite) for each in other.columns}
    parts = [_figures(table, by_key[key], run) for key in column.mean_of]
    own = run.figure(column.check, column.measure, column.group) if column.check else None
    if not all(parts):
        return ()
    return (own,) if own is not None else tuple(figure for part in parts for figure in part)
