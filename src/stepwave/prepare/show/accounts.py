"""What a step left beside its manifest: which step it was, what it dropped and tried again, what it cost.

A manifest need not have any of it; whatever is missing or can't be read is None or empty.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stepwave.prepare.pipeline.run import DROPPED, REPORT

EXAMPLES: Final = 3
"""Dropped rows that are shown for each reason."""


@dataclass(frozen=True)
class Account:
    """The account of one step."""

    step: str | None = None
    """Its name; None where no report is there."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    """What the step worked at."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Rows by the reason that they were dropped for."""
    examples: Mapping[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Id and detail of the first dropped rows, by reason."""
    retried: Mapping[str, int] = field(default_factory=dict)
    """Tries thrown away, by reason."""
    cpu_seconds: float | None = None
    wall_seconds: float | None = None
    """Of all workers together."""
    bytes: int | None = None

    def as_json(self) -> dict[str, Any] | None:
        """As JSON values; None where there is no report and nothing was dropped."""
        if self.step is None and not self.dropped:
            return None
        return {
            "step": self.step,
            "settings": dict(self.settings),
            "rows": self.rows,
            "dropped": dict(self.dropped),
            "retried": dict(self.retried),
            "cpu_seconds": self.cpu_seconds,
            "wall_seconds_of_work": self.wall_seconds,
            "bytes": self.bytes,
        }


def read_account(folder: Path) -> Account:
    """The account of the step that wrote `folder`."""
    dropped, examples = _read_dropped(folder / DROPPED)
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = None
    if not isinstance(report, dict):
        return Account(dropped=dropped, examples=examples)
    return Account(
        str(report["step"]) if "step" in report else None,
        report.get("settings") or {},
        report.get("rows"),
        report.get("dropped") or dropped,
        examples,
        report.get("retried") or {},
        report.get("cpu_seconds"),
        report.get("wall_seconds_of_work"),
        report.get("bytes"),
    )


def _read_dropped(file: Path) -> tuple[dict[str, int], dict[str, list[tuple[str, str]]]]:
    counts: Counter[str] = Counter()
    examples: dict[str, list[tuple[str, str]]] = {}
    try:
        lines = file.open(encoding="utf-8", errors="replace")
    except OSError:
        return {}, {}
    with lines:
        for line in lines:
            try:
                row = json.loads(line)
                reason, name, detail = str(row["reason"]), str(row["id"]), str(row.get("detail", ""))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
            counts[reason] += 1
            if counts[reason] <= EXAMPLES:
                examples.setdefault(reason, []).append((name, detail))
    return dict(sorted(counts.items())), examples
