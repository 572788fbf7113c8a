"""Published figures as data: what the technical report and the released models' README tell of each system.

They lie in `published.toml` beside this file, as tables with the report's columns, each row with its source. A column
says which figure of a run belongs in it, so that a run can stand in the same table. Nothing here was measured by us.
"""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from stepwave.facts.errors import DataError

FILE: Final = Path(__file__).with_name("published.toml")
NOT_AVAILABLE: Final = "N/A"
"""What a source prints where there can be no figure, as for a language that the system does not know."""

PublishedUnit: TypeAlias = Literal["%", "BLEU"]
Direction: TypeAlias = Literal["lower", "higher"]


@dataclass(frozen=True)
class Source:
    """Where figures were published."""

    name: str
    """The word by which rows name it."""
    title: str
    version: str
    """Which of its states the figures are from."""


@dataclass(frozen=True)
class Column:
    """A column of a table, and the figure of a run that belongs in it."""

    key: str
    """Unique in the tables of a suite."""
    name: str
    """As the report heads it."""
    under: str = ""
    """The heading above several columns, such as a language."""
    check: str = ""
    """The check of a run; empty where only `mean_of` tells."""
    group: str = ""
    """The value of the tag that the check's figures are given by; empty for all items, or the mean of the groups."""
    measure: str = ""
    """The measure's name; empty for the check's first."""
    metric: str = ""
    """What is counted, where columns differ: WER or CER."""
    mean_of: tuple[str, ...] = ()
    """Keys of the columns of the suite whose plain mean it is; empty for a figure of its own."""
    axis: str = ""
    """Its name in the chart over all suites; empty where it isn't in that."""


@dataclass(frozen=True)
class Row:
    """What one source tells of one system."""

    system: str
    source: Source
    place: str
    """The table or section of the source."""
    values: tuple[float | None, ...]
    """A figure for each column; None where the source says that there is none."""


@dataclass(frozen=True)
class Table:
    """A table of the report."""

    id: str
    """Unique."""
    suite: str
    """The suite of ours that measures the same."""
    title: str
    unit: PublishedUnit
    better: Direction
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    """In the order of the report, the README's last."""
    note: str = ""
    """What one has to know to compare with it."""


@dataclass(frozen=True)
class PublishedFigure:
    """One figure with everything that says what it is."""

    system: str
    source: Source
    place: str
    suite: str
    table: str
    column: Column
    value: float | None
    """None where the source says that there is none."""
    unit: PublishedUnit
    better: Direction


@cache
def published_tables() -> tuple[Table, ...]:
    """Every table that comes with the package."""
    return read_tables(FILE)


def tables_of(suite: str) -> tuple[Table, ...]:
    """The tables that a suite is compared with; none for a suite that nobody published figures of."""
    return tuple(table for table in published_tables() if table.suite == suite)


def published_figures() -> Iterator[PublishedFigure]:
    """Every figure of every table, one by one."""
    for table in published_tables():
        for row in table.rows:
            for column, value in zip(table.columns, row.values, strict=True):
                yield PublishedFigure(
                    row.system,
                    row.source,
                    row.place,
                    table.suite,
                    table.id,
                    column,
                    value,
                    table.unit,
                    table.better,
                )


def read_tables(path: Path) -> tuple[Table, ...]:
    """Read tables from a TOML file in the form of `published.toml`. Raises DataError, which says what is wrong."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        sources = {name: Source(name, **told) for name, told in content["sources"].items()}
        tables = tuple(_table(told, sources) for told in content["tables"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} can't be read as published figures: {error}") from error
    _check(tables, path)
    return tables


def _table(told: Mapping[str, Any], sources: Mapping[str, Source]) -> Table:
    columns = tuple(Column(**{**each, "mean_of": tuple(each.get("mean_of", ()))}) for each in told["columns"])
    rows = tuple(_row(each, sources, len(columns), f"{told['id']}, {each['system']}") for each in told["rows"])
    return Table(**{**told, "columns": columns, "rows": rows})


def _row(told: Mapping[str, Any], sources: Mapping[str, Source], width: int, place: str) -> Row:
    values = tuple(_value(value, place) for value in told["values"])
    if len(values) != width:
        raise ValueError(f"{place}: got {len(values)} figures; wanted one for each of {width} columns")
    return Row(**{**told, "source": sources[told["source"]], "values": values})


def _value(value: Any, place: str) -> float | None:
    if value == NOT_AVAILABLE:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{place}: got {value!r}; wanted a number from 0 up, or '{NOT_AVAILABLE}'")
    return float(value)


def _check(tables: tuple[Table, ...], path: Path) -> None:
    ids = [table.id for table in tables]
    if len(set(ids)) < len(ids):
        raise DataError(f"{path}: two tables have the same id; wanted one of its own for each")
    for table in tables:
        known = [column.key for each in tables if each.suite == table.suite for column in each.columns]
        for column in table.columns:
            if known.count(column.key) > 1:
                raise DataError(f"{path}: {table.id}: two columns of the suite {table.suite} have the key {column.key}")
            lost = [key for key in column.mean_of if key not in known]
            if lost or not (column.check or column.mean_of):
                wanted = f"it is a mean of {', '.join(lost)}, which is no column" if lost else "it names no figure"
                raise DataError(f"{path}: {table.id}: column {column.key}: {wanted}")
        if table.unit not in ("%", "BLEU") or table.better not in ("lower", "higher"):
            raise DataError(f"{path}: {table.id}: got unit {table.unit!r} and better {table.better!r}")
        texts = [value for column in table.columns for value in _texts(column)] + [row.system for row in table.rows]
        if not all(isinstance(text, str) for text in texts):
            raise DataError(f"{path}: {table.id}: a name is no text")


def _texts(column: Column) -> list[Any]:
    return [getattr(column, each.name) for each in fields(column) if each.name != "mean_of"]
