"""What is told of a run as a list of tables: printed for people through rich, given to programs as JSON.

Whoever has more to tell adds a section. What the tables of a training run hold is `showing`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, TypeAlias

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

SETTINGS: Final = ("setting", "value", "where it comes from")
"""Columns of a section of settings."""
_SCALES: Final = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, which people see scaled and programs as it is."""

    value: float
    unit: str
    """`bytes`, `FLOP`, `hours`, `days`, `share`, or what is counted: `tokens`, `parameters`."""

    def __str__(self) -> str:
        value, unit = self.value, self.unit
        if unit == "bytes":
            return f"{value / 1e9:,.2f} GB" if value >= 1e8 else f"{value / 1e6:,.2f} MB"
        if unit == "share":
            return f"{100 * value:.1f} %"
        if unit == "FLOP":
            return f"{value:.3g} FLOP"
        if unit in ("hours", "days"):
            seconds = value * (3600 if unit == "hours" else 86_400)
            shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
            return f"{shown} {unit}" if seconds >= 60 else f"{seconds:.2g} seconds"
        for scale, letter in _SCALES:
            if abs(value) >= scale:
                return f"{value / scale:.4g} {letter}"
        return f"{value:,.4g}"


Cell: TypeAlias = str | int | float | bool | Quantity | None
"""What stands in a table; None for nothing."""


@dataclass(frozen=True)
class Section:
    """One table of a view."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    """As many cells in each as there are columns."""
    remarks: tuple[str, ...] = ()
    """What is told under the table."""

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), f"{self.title}: a row has other columns"


def settings_section(
    title: str, settings: object, notes: Mapping[str, str] | None = None, left_out: Sequence[str] = ()
) -> Section:
    """Every field of a dataclass, those of dataclasses inside it by dotted names.

    Args:
        title: of the section.
        settings: a dataclass.
        notes: where values come from, by dotted name.
        left_out: names (with all below them) that another section shows.
    """
    told = notes or {}
    rows = tuple((name, value, told.get(name)) for name, value in _flat(settings, "", tuple(left_out)))
    return Section(title, SETTINGS, rows)


def print_sections(name: str, sections: Sequence[Section], console: Console) -> None:
    """Show a view to people."""
    console.print(Text(name, style="bold"))
    for section in sections:
        console.print(_table(section))


def sections_as_json(name: str, sections: Sequence[Section]) -> dict[str, Any]:
    """The same view as JSON values: numbers unscaled, units beside them."""
    return {
        "name": name,
        "sections": [
            {
                "title": section.title,
                "rows": [
                    {column: _plain(cell) for column, cell in zip(section.columns, row, strict=True)}
                    for row in section.rows
                ],
                "remarks": list(section.remarks),
            }
            for section in sections
        ],
    }


def _flat(settings: object, prefix: str, left_out: tuple[str, ...]) -> Iterator[tuple[str, Cell]]:
    """Dotted names and values of a dataclass's fields."""
    assert is_dataclass(settings)
    for field in fields(settings):
        name = prefix + field.name
        value = getattr(settings, field.name)
        if name in left_out:
            continue
        if is_dataclass(value) and not isinstance(value, type):
            yield from _flat(value, f"{name}.", left_out)
        elif value is None or isinstance(value, str | int | float):
            yield name, value
        else:
            yield name, _words(value)


def _words(value: object) -> str:
    """A mapping or sequence of settings on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(each)}" for key, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_words(each) for each in value) or "none"
    return str(value)


def _table(section: Section) -> Group:
    table = Table(title=section.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for index, column in enumerate(section.columns):
        numbers = index > 0 and any(isinstance(row[index], Quantity) for row in section.rows)
        table.add_column(column, justify="right" if numbers else "left", no_wrap=numbers or index == 0, overflow="fold")
    for row in section.rows:
        table.add_row(*(Text(_shown(cell)) for cell in row))
    return Group(table, *(Text(remark) for remark in section.remarks), Text(""))


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:g}" if isinstance(cell, float) else str(cell)


def _plain(cell: Cell) -> Any:
    if isinstance(cell, Quantity):
        return {"value": cell.value, "unit": cell.unit}
    # JSON has no infinity, by which settings say that there is no bound.
    return str(cell) if isinstance(cell, float) and not math.isfinite(cell) else cell
