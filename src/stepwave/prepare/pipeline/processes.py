"""Parts on processes of this computer; where one dies, its part is done again, row by row if need be."""

import itertools
import os
import signal
import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from stepwave.data.records import Record
from stepwave.facts.errors import ServiceError
from stepwave.prepare.pipeline.parts import Codec, Part, PartReport, store_lost, work_at
from stepwave.prepare.pipeline.steps import Dropped, Outcome, Step, Worker

DIED = "the worker process died"
"""Why a row is dropped that killed its process twice: by a crash in a library, or for want of memory."""


@dataclass(frozen=True)
class Processes:
    """Runs parts on `count` processes, or inside this one for 0 (where nothing survives a crash)."""

    count: int
    niceness: int = 10
    """Preparation leaves the computer usable."""

    def run(self, step: Step, parts: Iterable[Part], folder: Path, codec: Codec) -> Iterator[PartReport]:
        """Do the parts and store them under `folder`; yields the report of each when it is done.

        Raises what `work_at` raises.
        """
        if self.count == 0:
            worker = step.open()
            for part in parts:
                yield work_at(step, worker, part, folder, codec)
            return
        left = iter(parts)
        while lost := (yield from self._until_one_dies(step, left, folder, codec)):
            for part in lost:
                yield self._alone(step, part, folder, codec)

    def _until_one_dies(
        self, step: Step, left: Iterator[Part], folder: Path, codec: Codec
    ) -> Generator[PartReport, None, list[Part]]:
        """Do parts; returns those under way when a process died, or none when all are done."""
        under_way: dict[int, Part] = {}
        waiting: set[Future[PartReport]] = set()
        pool = self._pool(step, self.count)
        try:
            while True:
                # No more parts in the queue than keep everybody busy: their rows may be many.
                for part in itertools.islice(left, 2 * self.count - len(waiting)):
                    under_way[part.number] = part
                    waiting.add(pool.submit(_work, step, part, folder, codec))
                if not waiting:
                    return []
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    report = future.result()
                    del under_way[report.number]
                    yield report
        except BrokenProcessPool:
            return list(under_way.values())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _alone(self, step: Step, part: Part, folder: Path, codec: Codec) -> PartReport:
        """A part that was under way when a process died: once more by itself, then row by row."""
        with self._pool(step, 1) as pool:
            try:
                return pool.submit(_work, step, part, folder, codec).result()
            except BrokenProcessPool:
                pass
        outcomes: list[Outcome] = []
        pool = self._pool(step, 1)
        try:
            pool.submit(_ready).result()
        except BrokenProcessPool:
            raise ServiceError(
                f"{step.name}: worker processes end as soon as they start; "
                "call run_step under `if __name__ == '__main__':`, or work with --workers 0 to see why"
            ) from None
        for row in part.rows:
            try:
                outcomes += pool.submit(_outcomes, row).result()
            except BrokenProcessPool:
                outcomes.append(Dropped(row.id, DIED))
                pool.shutdown(wait=False)
                pool = self._pool(step, 1)
        pool.shutdown()
        return store_lost(part, outcomes, folder, codec)

    def _pool(self, step: Step, count: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            count, mp_context=get_context("spawn"), initializer=_open, initargs=(step, self.niceness, os.getpid())
        )


_step: Step
_worker: Worker | None


def _open(step: Step, niceness: int, parent: int) -> None:
    global _step, _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches everybody; the parent decides what becomes of it
    os.nice(niceness)
    _step, _worker = step, None
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()


def _leave_with(parent: int) -> None:
    """End this process when its parent is gone: a killed run must leave nothing behind that works on."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(1.0)
    os._exit(1)


def _ready() -> bool:
    return True


def _opened() -> Worker:
    # Not in the initializer: an error there would break the pool without a word.
    global _worker
    if _worker is None:
        _worker = _step.open()
    return _worker


def _work(step: Step, part: Part, folder: Path, codec: Codec) -> PartReport:
    return work_at(step, _opened(), part, folder, codec)


def _outcomes(row: Record) -> list[Outcome]:
    return list(_opened()([row]))
