"""How two runs differ, on the console."""

from collections.abc import Sequence

from rich.console import Console

from stepwave.evaluation.comparing import SIGNIFICANT, MeasureComparison
from stepwave.evaluation.reporting.sections import remarks_on, shown_p, shown_value
from stepwave.evaluation.reporting.tables import labels
from stepwave.evaluation.stored_run import StoredRun


def print_comparison(
    runs: tuple[StoredRun, StoredRun], found: Sequence[MeasureComparison], most_items: int, console: Console
) -> None:
    """Show each measure's difference, and under it the items that differ most."""
    names = labels(runs)
    samples = [" (SAMPLE)" if run.sample else "" for run in runs]
    lines = [f"{runs[0].suite}: {names[runs[0]]}{samples[0]} -> {names[runs[1]]}{samples[1]}", ""]
    for each in found:
        lines.append(f"{each.check}: {each.measure}")
        told, remarks = each.comparison, remarks_on(each, names[runs[0]], names[runs[1]])
        if told is not None:
            ends = f"{shown_value(told.first, each.unit)} -> {shown_value(told.second, each.unit)}"
            spread = f"{told.difference:+.2f} ({told.interval.low:+.2f} to {told.interval.high:+.2f})"
            lines.append(f"  {ends}: {spread}, p {shown_p(told.p_value)}, {told.items} items")
        lines += [f"  {remarks}"] if remarks else []
        for item in each.differing[:most_items]:
            lines.append(
                f"    {item.id}: {shown_value(item.first, each.unit)} -> {shown_value(item.second, each.unit)}"
            )
        left = len(each.differing) - most_items
        lines += [f"    {left} more items differ"] if left > 0 else []
    lines += ["", "Over the items that both have scored, with 95 % intervals; p by swapping items."]
    lines.append(f"A run is called better where p is below {SIGNIFICANT} and the interval leaves out zero.")
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
