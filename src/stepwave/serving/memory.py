"""The guard against running out of memory: how much this process holds, and how much it may."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Final

SHARE: Final = 0.9
"""Of the machine's or container's memory, where nothing else is told."""
_CGROUP_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Memory:
    """Tells whether there is room for something new. `most` in bytes; None for nine tenths of what there is."""

    def __init__(self, most: int | None = None) -> None:
        self.most = most or int(SHARE * memory_there_is())

    @property
    def full(self) -> bool:
        """Whether this process already holds `most`."""
        return resident_bytes() >= self.most


def resident_bytes() -> int:
    """Memory this process holds now; where the system doesn't tell, the most it ever held."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def memory_there_is() -> int:
    """Bytes of memory of this machine, or of the container it runs in."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in _CGROUP_LIMITS:
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return min(found)
