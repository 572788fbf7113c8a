"""The sections of the page that hold figures: tables beside published ones, every measure with bars, confusions."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from stepwave.evaluation.comparing import MeasureComparison
from stepwave.evaluation.figures import Figure
from stepwave.evaluation.reporting.published import Table
from stepwave.evaluation.reporting.tables import TableRow, best_of, counted
from stepwave.evaluation.stored_run import StoredRun
from stepwave.prepare.show.markup import NOTHING, Html, escaped, folded, joined, number, percent, table

SAMPLE: Final = Html('<span class="badge">SAMPLE</span>')
_MOST_CLASSES: Final = 40
"""Of a table of confusions that are shown."""
_BAR_WIDTH: Final = 220


def headline(tab: Table, rows: Sequence[TableRow]) -> Html:
    """A table of the report with our runs in it: published rows are greyed, the best figure of a column is bold."""
    unders = [column.under for column in tab.columns]
    spans = [(under, sum(1 for each in unders if each == under)) for under in dict.fromkeys(unders)]
    above = "".join(f'<th scope="colgroup" colspan="{count}">{escaped(under)}</th>' for under, count in spans)
    top = f'<tr><td colspan="2"></td>{above}</tr>' if any(unders) else ""
    heads = "".join(
        f'<th scope="col" class="number">{escaped(column.name)}'
        f"{f' <small>{escaped(column.metric)}</small>' if column.metric else ''}</th>"
        for column in tab.columns
    )
    best = [best_of(tab, rows, place) for place in range(len(tab.columns))]
    body = joined(_row(row, best) for row in rows)
    note = f'<p class="note">{escaped(tab.note)}</p>' if tab.note else ""
    caption = f"{tab.title} ({tab.unit}, {tab.better} is better)"
    return Html(
        f'<div class="wide" tabindex="0" role="region" aria-label="{escaped(caption)}"><table class="headline">'
        f"<caption>{escaped(caption)}</caption><thead>{top}"
        f'<tr><th scope="col">system</th><th scope="col">source</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{note}"
    )


def _row(row: TableRow, best: Sequence[float | None]) -> Html:
    cells = []
    for place, cell in enumerate(row.cells):
        told = "".join(f"<small>{escaped(each)}</small>" for each in (cell.interval, cell.count) if each)
        shown = f"<b>{escaped(cell.text)}</b>" if cell.value is not None and cell.value == best[place] else cell.text
        cells.append(f'<td class="number">{shown}{told}</td>')
    mark = SAMPLE if row.kind == "sample" else NOTHING
    return Html(
        f'<tr class="{row.kind}"><th scope="row">{escaped(row.system, 80)} {mark}</th>'
        f"<td>{escaped(row.source, 80)}</td>{''.join(cells)}</tr>"
    )


def measures(runs: Sequence[StoredRun], names: Mapping[StoredRun, str]) -> Html:
    """Every figure of the runs of one suite, a group of rows for each measure and a row for each run."""
    wanted = list(dict.fromkeys((each.check, each.name, each.by, each.group) for run in runs for each in run.figures))
    bodies = []
    for check, name, by, group in wanted:
        found = [(run, figure) for run in runs if (figure := run.figure(check, name, group)) is not None]
        shown = [figure for run, figure in found if not run.sample and not math.isnan(figure.value)]
        high = max([100.0 if found[0][1].unit == "%" else 0.0, *(_reach(figure) for figure in shown)]) or 1.0
        rows = joined(_measured(run, names[run], figure, high) for run, figure in found)
        title = f"{check}: {name}" + (f", {group}" if group else f", mean by {by}" if by else "")
        bodies.append(
            f'<tbody><tr class="measure"><th scope="rowgroup" colspan="6">{escaped(title, 200)}</th></tr>{rows}</tbody>'
        )
    heads = joined(
        Html(f'<th scope="col"{" class=number" if kind else ""}>{name}</th>')
        for name, kind in (("run", 0), ("value", 1), ("95 % interval", 1), ("items", 1), ("wanted", 0), ("chart", 0))
    )
    return Html(
        f'<div class="wide" tabindex="0" role="region" aria-label="Every measure"><table class="measures">'
        f"<caption>Every measure</caption><thead><tr>{heads}</tr></thead>{''.join(bodies)}</table></div>"
    )


def _measured(run: StoredRun, name: str, figure: Figure, high: float) -> Html:
    if run.sample:
        value, spread, wanted, bar = SAMPLE, Html("not a score"), NOTHING, NOTHING
    else:
        value, bar = escaped(shown_value(figure.value, figure.unit)), _bar(figure, high)
        interval = figure.interval
        spread = (
            NOTHING if interval is None else escaped(f"{shown_value(interval.low)} to {shown_value(interval.high)}")
        )
        wanted = _target(figure)
    return Html(
        f'<tr><th scope="row">{escaped(name, 80)}</th><td class="number">{value}</td><td class="number">{spread}</td>'
        f'<td class="number">{escaped(counted(figure.n, figure.failed))}</td><td>{wanted}</td><td>{bar}</td></tr>'
    )


def _target(figure: Figure) -> Html:
    if figure.target is None:
        return NOTHING
    sign = "at most" if figure.target.better == "lower" else "at least"
    reached = "reached" if figure.met else "not reached"
    if not figure.met and figure.target.met(figure.value):
        reached = "reached, were it not for failures"
    return Html(
        f"{sign} {escaped(shown_value(figure.target.limit, figure.unit))} "
        f'<span class="{"good" if figure.met else "bad"}">{reached}</span>'
    )


def _reach(figure: Figure) -> float:
    ends = [figure.value, figure.target.limit if figure.target else 0.0]
    return max(*ends, figure.interval.high if figure.interval else 0.0)


def _bar(figure: Figure, high: float) -> Html:
    """A bar with the interval as a line over it and the target as a mark; the numbers stand beside it."""

    def place(value: float) -> str:
        return f"{_BAR_WIDTH * min(1.0, max(0.0, value / high)):.1f}"

    if math.isnan(figure.value):
        return NOTHING
    parts = [f'<rect class="track" width="{_BAR_WIDTH}" height="14"/>']
    parts.append(f'<rect class="value" width="{place(figure.value)}" height="14"/>')
    if figure.interval is not None:
        low, top = place(figure.interval.low), place(figure.interval.high)
        parts.append(f'<path class="interval" d="M{low} 7H{top}M{low} 3V11M{top} 3V11"/>')
    if figure.target is not None:
        parts.append(f'<path class="target" d="M{place(figure.target.limit)} 0V14"/>')
    return Html(f'<svg class="bar" viewBox="0 0 {_BAR_WIDTH} 14" aria-hidden="true">{"".join(parts)}</svg>')


def shown_value(value: float, unit: str = "") -> str:
    """A figure as people read it: three digits or so, and its unit."""
    if math.isnan(value):
        return "nothing to score"
    digits = 2 if abs(value) < 10 else 1
    return f"{value:.{digits}f} {unit}".rstrip()


def confusions(run: StoredRun, name: str) -> Html:
    """A table of confusions for each measure whose answers name a class; rows are the right ones."""
    counts: dict[tuple[str, ...], Counter[tuple[str, str]]] = {}
    for each in run.scores:
        if each.score is not None and each.label and each.score.predicted:
            place = (each.check, each.measure, each.group) if each.group else (each.check, each.measure)
            counts.setdefault(place, Counter())[each.label, each.score.predicted] += 1
    return joined(_confusion(f"{name}: {', '.join(place)}", pairs, run.sample) for place, pairs in counts.items())


def _confusion(title: str, pairs: Counter[tuple[str, str]], sample: bool) -> Html:
    labels = list(dict.fromkeys([right for right, _ in pairs] + [named for _, named in pairs]))
    classes = sorted(labels)[:_MOST_CLASSES]
    rows = []
    for right in classes:
        total = sum(count for (label, _), count in pairs.items() if label == right)
        cells = "".join(_shaded(pairs[right, named], total, right == named) for named in classes)
        rows.append(f'<tr><th scope="row">{escaped(right, 60)}</th>{cells}</tr>')
    heads = "".join(f'<th scope="col" class="number">{escaped(each, 60)}</th>' for each in classes)
    left = len(labels) - len(classes)
    note = f'<p class="note">{number(left)} more classes are not shown.</p>' if left else ""
    return Html(
        f'<div class="wide" tabindex="0" role="region" aria-label="{escaped(title)}"><table class="confusion">'
        f"<caption>{escaped(title)} {SAMPLE if sample else NOTHING}</caption>"
        f'<thead><tr><th scope="col">right / named</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>{note}"
    )


def _shaded(count: int, total: int, right: bool) -> str:
    """Shades are classes, for the page allows no style but its own."""
    shade = math.ceil(10 * count / total) if total else 0
    told = f' title="{percent(count / total, 0)} of the row"' if total else ""
    return f'<td class="number shade-{shade} {"right" if right else "wrong"}"{told}>{count or ""}</td>'


def comparison(
    first: str, second: str, found: Sequence[MeasureComparison], anchors: Mapping[tuple[str, str], str]
) -> Html:
    """How two runs differ: a row for each measure, and the items that differ most."""
    rows, lists = [], []
    for each in found:
        title = f"{each.check}: {each.measure}"
        rows.append((escaped(title, 200), *_differences(each, first, second)))
        if each.differing:
            lists.append(folded(escaped(f"{title}: {number(len(each.differing))} items differ"), _items(each, anchors)))
    heads = ("measure", first, second, "difference", "95 % interval", "p", "items", "")
    return Html(
        table(f"{first} and {second}, item by item", heads, rows, (1, 2, 3, 4, 5, 6))
        + '<p class="note">Over the items that both have scored. p: how often chance alone makes a difference as '
        "large, by swapping items. A run is called better where p is below 0.05 and the interval leaves out zero.</p>"
        + joined(lists)
    )


def _differences(each: MeasureComparison, first: str, second: str) -> tuple[Html, ...]:
    told, remarks = each.comparison, escaped(remarks_on(each, first, second))
    if told is None:
        return (*(NOTHING,) * 6, remarks)
    return (
        escaped(shown_value(told.first, each.unit)),
        escaped(shown_value(told.second, each.unit)),
        escaped(f"{told.difference:+.2f}"),
        escaped(f"{told.interval.low:+.2f} to {told.interval.high:+.2f}"),
        escaped(shown_p(told.p_value)),
        escaped(number(told.items)),
        remarks,
    )


def remarks_on(each: MeasureComparison, first: str, second: str) -> str:
    """Which run is better, why nothing was compared, and what was left out."""
    better = {"first": f"{first} is better", "second": f"{second} is better", None: ""}[each.winner]
    failed = f"{each.failed_first} and {each.failed_second} failed" if each.failed_first or each.failed_second else ""
    asked = f"{each.asked_differently} asked differently" if each.asked_differently else ""
    return "; ".join(filter(None, (better, each.why_not, failed, asked)))


def shown_p(value: float) -> str:
    """A p-value; very small ones by their bound."""
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _items(each: MeasureComparison, anchors: Mapping[tuple[str, str], str]) -> Html:
    rows: Iterable[tuple[Html, ...]] = (
        (
            Html(f'<a href="#{anchors[each.check, item.id]}">{escaped(item.id, 80)}</a>')
            if (each.check, item.id) in anchors
            else escaped(item.id, 80),
            escaped(shown_value(item.first, each.unit)),
            escaped(shown_value(item.second, each.unit)),
            escaped(f"{item.difference:+.2f}"),
        )
        for item in each.differing[:50]
    )
    return table("The farthest apart first", ("item", "first", "second", "difference"), rows, (1, 2, 3))
