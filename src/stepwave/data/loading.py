"""Batches of a training run: planned here, read and rendered by worker processes, in an order that a state brings back.

The plan (mix and packs) is computed by every rank alike from the seed and a small state; step t takes
`sequences_per_step` packs, and rank r of w renders packs r, r + w, r + 2w, ... of them. Workers only read sound and
render. So neither their number nor that of the ranks changes what is trained on, and a run that was stopped goes on
with exactly the next step, whatever had been prepared ahead.
"""

import atexit
import os
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch.utils.data import DataLoader

from stepwave.data.collating import Batch
from stepwave.data.documents import DocumentReader, Renders
from stepwave.data.loader_config import LoaderConfig, Supply
from stepwave.data.mix import Mix, MixPortion
from stepwave.data.pack_reading import PackReader
from stepwave.data.packing import Pack, Packer
from stepwave.facts.errors import ConfigError, DataError, short_reason

SHOWN: Final = 10
"""How many complaints about records are kept."""
SAMPLE: Final = 100
"""After this many bad records it is asked whether there are too many of them."""


@dataclass(frozen=True)
class _Place:
    """Where the plan stands after a step."""

    plan: dict[str, Any]
    tokens: dict[str, int]
    epochs: dict[str, float]


class Loader:
    """The steps of one rank, without end.

    After a step: `waited` is how long training stood still for it, in seconds; `skipped` counts records left out so far
    by task and reason, and `problems` are the first complaints.
    """

    def __init__(
        self,
        config: LoaderConfig,
        supplies: Sequence[Supply],
        renderer: Renders,
        padding: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Plan a run.

        Args:
            config: see there.
            supplies: the portions of the mix.
            renderer: makes ids and labels of records; workers get a copy.
            padding: id that fills rows.
            rank: which of `world` ranks this is.
            world: how many ranks share each step.

        Raises:
            ConfigError: a step can't be shared evenly, a portion has nothing to draw, or `Mix` refuses the weights.
            DataError: there are records longer than a sequence and `on_long_record` is `stop`.
        """
        share = world * config.micro_sequences
        if not 0 <= rank < world or config.sequences_per_step % share:
            raise ConfigError(
                f"{config.sequences_per_step} sequences a step can't be shared by {world} ranks (this is {rank}) in "
                f"micro-batches of {config.micro_sequences}; wanted a multiple of {share}"
            )
        self.config, self.supplies, self.rank, self.world = config, tuple(supplies), rank, world
        portions = [MixPortion(supply.task, supply.tokens, supply.indexes) for supply in supplies]
        mix = Mix(portions, config.seed, config.sequence_length)
        if mix.left_out and config.on_long_record == "stop":
            raise DataError(self._too_long(mix))
        self.packer = Packer(mix, config.sequence_length, config.waiting, config.documents)
        self.steps = 0
        """Steps handed out, those before the restored state included."""
        self.waited = 0.0
        self.skipped: Counter[str] = Counter()
        self.problems: list[str] = []
        self._reading = PackReader(
            DocumentReader(renderer, config.heard, config.bands),
            [supply.sources for supply in supplies],
            [supply.task for supply in supplies],
            padding,
            config.sequence_length,
            config.fixed_length,
            config.groups,
            stop=config.on_bad_record == "stop",
        )
        self._seen = 0
        self._planned: deque[_Place] = deque()
        self._place = self._here()
        self._batches: Iterator[Batch | DataError] | None = None

    def __enter__(self) -> "Loader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[list[Batch]]:
        while True:
            yield self.next_step()

    @property
    def left_out(self) -> dict[str, int]:
        """How many records of each task are longer than a sequence and never drawn."""
        return dict(self.packer.mix.left_out)

    def next_step(self) -> list[Batch]:
        """The micro-batches of this rank's share of the next step.

        Raises DataError for a bad record where the loader is to stop at one, for too many of them, or where a worker
        was killed.
        """
        started = time.perf_counter()
        step = []
        try:
            if self._batches is None:
                self._batches = self._open()
            for _ in range(self.config.sequences_per_step // self.world // self.config.micro_sequences):
                step.append(self._next(self._batches))
                self._count(step[-1])
        except BaseException:
            # A step is handed out whole or not at all.
            self.close()
            raise
        self.waited = time.perf_counter() - started
        self._place = self._planned.popleft()
        self.steps += 1
        return step

    @property
    def tokens(self) -> dict[str, int]:
        """Positions handed out so far by task, as measured."""
        return self._place.tokens

    @property
    def epochs(self) -> dict[str, float]:
        """How often each task's records have been passed."""
        return self._place.epochs

    def state(self) -> dict[str, Any]:
        """The place after the last step that was handed out, as JSON values; the same on every rank."""
        return {"steps": self.steps, "plan": self._place.plan}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on after the step at which `state` was taken, by whatever number of ranks and workers.

        Raises ConfigError where sources, weights, seed or sequences were others.
        """
        self.close()
        self.packer.restore(state["plan"])
        self._place = self._here()
        self.steps = state["steps"]

    def close(self) -> None:
        """End the workers; the next step starts them again where the last one ended."""
        if self._batches is not None and self.config.workers:
            # By itself the iterator ends its workers when it is collected, which an exception's traceback puts off.
            # A worker that was killed is no loss any more.
            with suppress(RuntimeError):
                cast(Any, self._batches)._shutdown_workers()
        self._batches = None
        self._planned.clear()
        self.packer.restore(self._place.plan)

    def _open(self) -> Iterator[Batch | DataError]:
        config = self.config
        parallel: dict[str, Any] = {}
        if config.workers:
            method = config.start_method or ("fork" if sys.platform == "linux" else "spawn")
            parallel = {"prefetch_factor": config.prefetch, "multiprocessing_context": method}
        return iter(
            DataLoader(
                self._reading,
                batch_size=None,
                sampler=self._plan(),
                num_workers=config.workers,
                collate_fn=_as_it_is,
                pin_memory=config.pin_memory,
                worker_init_fn=_prepare_worker,
                # Otherwise it would draw from the global random state, which a resumed run must find untouched.
                generator=torch.Generator(),
                **parallel,
            )
        )

    def _here(self) -> _Place:
        return _Place(self.packer.state(), self.packer.mix.tokens, self.packer.mix.epochs)

    def _plan(self) -> Iterator[tuple[Pack, ...]]:
        """What each micro-batch of this rank is made of. Notes the place after each step when it is planned."""
        while True:
            packs = [self.packer.next_pack() for _ in range(self.config.sequences_per_step)][self.rank :: self.world]
            self._planned.append(self._here())
            for start in range(0, len(packs), self.config.micro_sequences):
                yield tuple(packs[start : start + self.config.micro_sequences])

    def _next(self, batches: Iterator[Batch | DataError]) -> Batch:
        try:
            batch = next(batches)
        except RuntimeError as problem:
            if "DataLoader worker" not in str(problem):
                raise
            raise DataError(
                "a process that prepares batches was killed, most often because memory or shared memory (/dev/shm) ran "
                f"out ({short_reason(problem)}); train with fewer workers or a smaller prefetch"
            ) from None
        if isinstance(batch, DataError):
            raise batch
        return batch

    def _count(self, batch: Batch) -> None:
        bad = batch.skipped.total()
        self._seen += sum(len(row) for row in batch.records) + bad
        self.skipped += batch.skipped
        self.problems += batch.problems[: SHOWN - len(self.problems)]
        total = self.skipped.total()
        if bad and total >= SAMPLE and total > self.config.most_bad * self._seen:
            raise DataError(
                f"{total} of {self._seen} records can't be used, the first because: {self.problems[0]}; see to the "
                "source, or filter such records out"
            )

    def _too_long(self, mix: Mix) -> str:
        counts = ", ".join(f"{count} of {task}" for task, count in mix.left_out.items())
        places = ", ".join(
            f"record {each.record} of {self.supplies[each.portion].sources[each.source].name} ({each.length})"
            for each in mix.first_left_out
        )
        return (
            f"records longer than a sequence of {mix.longest} positions: {counts}; the first are {places}; "
            "filter them out, train with longer sequences, or let them be skipped"
        )


def _as_it_is(batch: Any) -> Any:
    return batch


def _prepare_worker(worker: int) -> None:
    # Ctrl-C and a cluster's SIGTERM reach every process; training ends after its step, and needs its workers for that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_obey_parent, daemon=True).start()
    # A thread may be sending a batch when a spawned worker ends; stopped by Python inside C++ code, it would abort.
    atexit.register(os._exit, 0)


def _obey_parent() -> None:
    """End this worker at a SIGTERM of the process that started it, and of nobody else."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
