"""The guard against running out of memory: how much this process holds, and how much it may."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from pathlib import Path
from typing import Any, Final

SHARE: Final = 0.9
"""Of the machine's or container's memory, where nothing else is told."""
LARGE_BLOCK: Final = 8 << 20
"""Bytes from which memory that is freed goes back to the system: less than any conversation's keys, more than what the
model computes with all the time."""
KEPT_KERNELS: Final = 64
"""Kernels that are kept for shapes they have met, by oneDNN and by what PyTorch calls it with. Each keeps 1,024 by
itself: questions and answers come in ever other lengths, so memory grows for hours, and saves no time that could be
measured."""
_KERNEL_CACHES: Final = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY")  # the latter is ideep's
_M_ARENA_MAX, _M_MMAP_THRESHOLD = -8, -3  # glibc's malloc.h
_CGROUP_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class Memory:
    """Tells whether there is room for something new. `most` in bytes; None for nine tenths of what there is."""

    def __init__(self, most: int | None = None) -> None:
        self.most = most or int(SHARE * memory_there_is())

    @property
    def full(self) -> bool:
        """Whether this process already holds `most`."""
        return resident_bytes() >= self.most


def give_back_what_is_freed() -> None:
    """Have the C library give large blocks back and share the others among threads; without effect but on glibc.

    By itself it learns from each large block that is freed to keep the next: conversations come and go, their caches
    grow by doubling, and what lies between them is never used again. To be called before the first model computes.
    """
    for cache in _KERNEL_CACHES:
        os.environ.setdefault(cache, str(KEPT_KERNELS))
    if (mallopt := _of_glibc("mallopt")) is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK)
        mallopt(_M_ARENA_MAX, 2)


def keep_what_is_there() -> None:
    """Have Python no longer look for garbage among what lives now: the model, and code that is loaded.

    Some 340,000 objects, which take 0.12 s to go through: for so long answers paused, now and then. What comes and
    goes takes a millisecond or two, and is looked through by `give_back_now`. To be called once in a process that
    serves until it ends.
    """
    gc.collect()
    gc.freeze()


def give_back_now() -> None:
    """Give back garbage, what small blocks leave free between others, and buffers of matrix products: milliseconds.

    Garbage is what is in a circle, as a conversation that is over, whose parts know each other: Python looks for it
    when 70,000 objects have been added, which some hundred conversations make. It is looked for here where
    `keep_what_is_there` has been called, since that is what makes it quick.

    MKL keeps a buffer in each thread for each product that was larger than any before it, so that memory rises with
    every longest question and answer. Threads may compute meanwhile: what they use stays. Without effect where PyTorch
    brings no MKL, and but on glibc.
    """
    if gc.get_freeze_count():
        gc.collect()
    if (free_buffers := _of_mkl("mkl_serv_free_buffers")) is not None:
        free_buffers()
    if (malloc_trim := _of_glibc("malloc_trim")) is not None:
        malloc_trim(0)


def _of_glibc(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None


def _of_mkl(name: str) -> Any:
    """A function of the MKL within PyTorch's own library, which is what it computes with if it was loaded."""
    torch = sys.modules.get("torch")
    if torch is None or torch.__file__ is None or not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so")), name, None)
    except OSError:
        return None


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
