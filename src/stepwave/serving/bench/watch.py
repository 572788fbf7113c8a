"""What a server uses while it is measured: resident memory and processor time, of a process or by /metrics."""

from __future__ import annotations

import asyncio
import os
import re
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepwave.serving.bench.line import Place

MOST_SAMPLES: Final = 3_600
"""Of one measurement; longer ones are sampled more rarely than once a second."""
_FETCH_SECONDS: Final = 5.0
_MOST_BYTES: Final = 4 * 1024 * 1024
_METRIC: Final = r"^{} ([0-9.eE+-]+)$"


@dataclass(frozen=True)
class Usage:
    """Of one process."""

    resident: int
    """Bytes of memory."""
    cpu_seconds: float
    """Of all cores, since it began."""


@dataclass(frozen=True)
class Sample:
    """Usage at a moment, in seconds since the measurement began."""

    at: float
    usage: Usage


def of_process(pid: int) -> Usage | None:
    """Usage of a process on this machine; None where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        # The name, in brackets, may hold blanks.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    ticks = int(fields[11]) + int(fields[12])
    return Usage(pages * os.sysconf("SC_PAGE_SIZE"), ticks / os.sysconf("SC_CLK_TCK"))


def of_metrics(place: Place) -> Usage | None:
    """Usage as the server's /metrics tell it, by Prometheus's standard names; None where they don't."""
    request = urllib.request.Request(place.metrics, headers=place.headers)
    try:
        with urllib.request.urlopen(request, timeout=_FETCH_SECONDS) as answer:
            text = answer.read(_MOST_BYTES).decode(errors="replace")
    except (OSError, ValueError):
        return None
    names = ("process_resident_memory_bytes", "process_cpu_seconds_total")
    found = [re.search(_METRIC.format(name), text, re.MULTILINE) for name in names]
    if found[0] is None or found[1] is None:
        return None
    return Usage(int(float(found[0][1])), float(found[1][1]))


async def watch(look: Callable[[], Usage | None], begun: float, seconds: float | None, samples: list[Sample]) -> None:
    """Add a sample each second until cancelled, the first at once; an end after nothing is told.

    Args:
        look: where usage comes from; called in a thread.
        begun: when the measurement began, by `time.monotonic`.
        seconds: how long it will be, so that samples stay few.
        samples: what is added to.
    """
    interval = max(1.0, (seconds or 0.0) / MOST_SAMPLES)
    while (usage := await asyncio.to_thread(look)) is not None:
        samples.append(Sample(time.monotonic() - begun, usage))
        await asyncio.sleep(interval)
