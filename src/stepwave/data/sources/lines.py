"""Lines of a text file at any address, each of which can be read alone: by its byte offset, or out of packed blocks.

A plain file stays where it is. What is compressed as a whole (`.gz`) can't be entered in the middle, so its lines are
held in memory, compressed anew in small blocks: about what the file takes on disk.
"""

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from stepwave.data.addresses import open_binary, read_bytes, reason
from stepwave.facts.errors import DataError

_BLOCK: Final = 1 << 22
"""Bytes read at once in search of lines."""
_AHEAD: Final = 1 << 20
"""Bytes fetched at once while lines are read one after the other."""
_TOGETHER: Final = 64
"""Lines of a packed block."""


class Lines(Protocol):
    """Lines by number, without their ends."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> bytes:
        """Raises DataError where the file can't be read any more."""
        ...


def open_lines(address: str) -> Lines:
    """The lines of a file. Raises DataError where it can't be read."""
    with _opened(address) as file:
        return PackedLines(file) if address.endswith(".gz") else PlainLines(address, line_starts(file))


def first_line(address: str) -> bytes:
    """The first line alone, empty where there is none. Raises DataError where the file can't be read."""
    with _opened(address) as file:
        return file.readline().rstrip(b"\r\n")


@contextlib.contextmanager
def _opened(address: str) -> Iterator[BinaryIO]:
    try:
        with open_binary(address) as file:
            if address.endswith(".gz"):
                with gzip.open(file) as unpacked:
                    yield cast(BinaryIO, unpacked)
            else:
                yield file
    except (OSError, EOFError, zlib.error) as problem:
        why = reason(problem) if isinstance(problem, OSError) else str(problem)
        raise DataError(f"{address} cannot be read ({why}); check the address, or fetch the file again") from None


def line_starts(file: BinaryIO) -> NDArray[np.int64]:
    """Where each line begins, and after them where the last one ends; `[lines + 1]`."""
    found = [np.zeros(1, np.int64)]
    size = 0
    while block := file.read(_BLOCK):
        found.append(np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n")).astype(np.int64) + size + 1)
        size += len(block)
    starts = np.concatenate(found)
    return starts if starts[-1] == size else np.append(starts, size)


class PlainLines:
    """Lines found by their offsets. Read in order they come a block at a time, elsewhere one by one."""

    def __init__(self, address: str, starts: NDArray[np.int64]) -> None:
        self.address, self._starts = address, starts
        self._next = 0
        self._block, self._block_start = b"", 0

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __getitem__(self, number: int) -> bytes:
        start, end = int(self._starts[number]), int(self._starts[number + 1])
        if not self._block_start <= start <= end <= self._block_start + len(self._block):
            size = max(_AHEAD, end - start) if number == self._next else end - start
            try:
                self._block, self._block_start = read_bytes(self.address, start, size), start
            except OSError as problem:
                raise DataError(
                    f"{self.address} cannot be read any more ({reason(problem)}); is it still there?"
                ) from None
        self._next = number + 1
        first = start - self._block_start
        return self._block[first : first + end - start].rstrip(b"\r\n")


class PackedLines:
    """Lines held in memory, in blocks compressed by themselves."""

    def __init__(self, file: BinaryIO) -> None:
        self._blocks: list[bytes] = []
        self._count = 0
        for lines in _blocks_of(file):
            self._blocks.append(zlib.compress(b"\n".join(lines), 6))
            self._count += len(lines)
        self._last: tuple[int, list[bytes]] = (-1, [])

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> bytes:
        block, place = divmod(number, _TOGETHER)
        if self._last[0] != block:
            self._last = block, zlib.decompress(self._blocks[block]).split(b"\n")
        return self._last[1][place]


def _blocks_of(file: BinaryIO) -> Iterator[list[bytes]]:
    lines: list[bytes] = []
    for line in file:
        lines.append(line.rstrip(b"\r\n"))
        if len(lines) == _TOGETHER:
            yield lines
            lines = []
    if lines:
        yield lines
