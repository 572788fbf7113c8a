"""A radar chart like the report's figure 1: an axis for each benchmark, a line for each system, as SVG for the page.

Benchmarks have units and ranges of their own, so each axis runs from the worst of the systems shown, at a quarter of
the radius, to the best, at the rim; errors count the other way round. The numbers stand in a table beside it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stepwave.evaluation.reporting.published import Column, Table
from stepwave.evaluation.reporting.tables import TableRow
from stepwave.prepare.show.markup import Html, escaped, joined, table

LEAST_AXES: Final = 3
"""Fewer make no area."""
PUBLISHED: Final = {
    ("GPT-4o Audio", "report"): "GPT-4o Audio",
    ("GPT-4o Transcribe", "report"): "GPT-4o Audio",
    ("Kimi-Audio", "report"): "Kimi-Audio",
    ("Qwen-Omni", "report"): "Qwen-Omni",
    ("Qwen2.5-Omni", "report"): "Qwen-Omni",
    ("Step-Audio 2", "report"): "Step-Audio 2",
    ("Step-Audio 2 mini", "README"): "Step-Audio 2 mini",
}
"""Published systems that are drawn, by name and source: the four of figure 1, which takes two models for one where its
footnotes say so, and the released one."""
_WIDTH, _HEIGHT = 640, 500
_X, _Y = _WIDTH / 2, _HEIGHT / 2 + 4
_RADIUS: Final = 192.0
_INNER: Final = 0.25


@dataclass(frozen=True)
class Axis:
    """One benchmark: the figures of all systems that have one."""

    name: str
    better: str
    values: dict[str, float]
    """By the system's label."""

    def reach(self, system: str) -> float | None:
        """How far out a system's point lies, 0 to 1; None where it has no figure."""
        if system not in self.values:
            return None
        worst, best = sorted((min(self.values.values()), max(self.values.values())), reverse=self.better == "lower")
        share = 1.0 if worst == best else (self.values[system] - worst) / (best - worst)
        return _INNER + (1 - _INNER) * share


def axes(laid: Sequence[tuple[Table, Sequence[TableRow]]], own: Sequence[str]) -> list[Axis]:
    """The axes of a chart: the benchmarks' averages where the runs `own` have three of them, else their columns.

    None where the runs have no three figures beside published ones.
    """
    for name in (_benchmark, _column):
        found = [
            _axis(called, tab, rows, place)
            for tab, rows in laid
            for place, column in enumerate(tab.columns)
            if (called := name(tab, column))
        ]
        of_runs = [axis for axis in found if any(system in axis.values for system in own)]
        if len(of_runs) >= LEAST_AXES:
            return of_runs
    return []


def _benchmark(tab: Table, column: Column) -> str:
    """The axis of a benchmark's average; empty for any other column."""
    return column.axis


def _column(tab: Table, column: Column) -> str:
    """The axis of a column that is no mean of others."""
    if column.mean_of:
        return ""
    alone = [each.name for each in tab.columns].count(column.name) == 1
    return column.name if alone else f"{column.under} {column.name}"


def radar(found: Sequence[Axis], systems: Sequence[tuple[str, str]]) -> Html:
    """The chart as SVG with its numbers; `systems` are labels and kinds (`published`, `run`), in the order drawn."""
    drawn = [
        (system, kind, [axis.reach(system) for axis in found])
        for system, kind in systems
        if sum(system in axis.values for axis in found) >= LEAST_AXES
    ]
    parts = [_ring(share, len(found)) for share in (0.25, 0.5, 0.75, 1.0)]
    for place, axis in enumerate(found):
        x, y = _point(place, len(found), 1.0)
        parts.append(f'<line class="spoke" x1="{_X}" y1="{_Y}" x2="{x:.1f}" y2="{y:.1f}"/>')
        parts.append(_name(place, len(found), axis))
    for number, (system, kind, reaches) in enumerate(drawn):
        parts.append(_line(system, kind, number, reaches))
    legend = joined(
        Html(f'<li class="line-{number % 8} {kind}"><span aria-hidden="true"></span>{escaped(system)}</li>')
        for number, (system, kind, _) in enumerate(drawn)
    )
    rows = ((escaped(system), *(escaped(_number(axis.values.get(system))) for axis in found)) for system, _, _ in drawn)
    numbers = table("The same in numbers", ("system", *(axis.name for axis in found)), rows, range(1, len(found) + 1))
    return Html(
        f'<figure class="radar"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Radar chart of '
        f'{len(drawn)} systems on {len(found)} benchmarks; the numbers follow">{"".join(parts)}</svg>'
        f'<figcaption><ul class="legend">{legend}</ul><p class="note">Each axis runs from the worst of the systems '
        f"shown to the best, at the rim; errors the other way round. Solid lines are runs.</p></figcaption></figure>"
        f'<details class="numbers"><summary>Numbers</summary>{numbers}</details>'
    )


def _axis(name: str, tab: Table, rows: Sequence[TableRow], place: int) -> Axis:
    values: dict[str, float] = {}
    for row in rows:
        system, value = drawn_as(row), row.cells[place].value
        if system is not None and value is not None:
            values.setdefault(system, value)
    return Axis(name, tab.better, values)


def drawn_as(row: TableRow) -> str | None:
    """A system as the chart names it; None for one that isn't in it. A sample has no figures."""
    if row.kind == "published":
        return PUBLISHED.get((row.system, row.source.partition(",")[0]))
    return row.system if row.kind == "run" else None


def _line(system: str, kind: str, number: int, reaches: Sequence[float | None]) -> str:
    """A closed line where every axis has a point; a gap where one is missing."""
    count = len(reaches)
    points = [None if reach is None else _point(place, count, reach) for place, reach in enumerate(reaches)]
    steps = []
    for place, point in enumerate(points):
        if point is not None:
            steps.append(f"{'M' if place == 0 or points[place - 1] is None else 'L'}{point[0]:.1f} {point[1]:.1f}")
    if points[0] is not None and points[-1] is not None:
        steps.append(f"L{points[0][0]:.1f} {points[0][1]:.1f}")
    dots = "".join(f'<circle cx="{point[0]:.1f}" cy="{point[1]:.1f}" r="3"/>' for point in points if point)
    return (
        f'<g class="line-{number % 8} {kind}"><title>{escaped(system)}</title><path d="{" ".join(steps)}"/>{dots}</g>'
    )


def _ring(share: float, count: int) -> str:
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_point(place, count, share) for place in range(count)))
    return f'<polygon class="ring" points="{corners}"/>'


def _name(place: int, count: int, axis: Axis) -> str:
    x, y = _point(place, count, 1.0 + 20 / _RADIUS)
    anchor = "middle" if abs(x - _X) < 20 else ("start" if x > _X else "end")
    best = min(axis.values.values()) if axis.better == "lower" else max(axis.values.values())
    # Names of several words go over two lines, so that they fit beside the chart.
    first, _, rest = axis.name.partition(" ")
    second = f"{rest} " if rest else ""
    lift = -8 if y < _Y else 4
    return (
        f'<text x="{x:.1f}" y="{y + lift:.1f}" text-anchor="{anchor}">{escaped(first)}'
        f'<tspan x="{x:.1f}" dy="1.15em">{escaped(second)}<tspan class="best">{_number(best)}</tspan></tspan></text>'
    )


def _point(place: int, count: int, share: float) -> tuple[float, float]:
    angle = 2 * math.pi * place / count
    return _X + _RADIUS * share * math.sin(angle), _Y - _RADIUS * share * math.cos(angle)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")
