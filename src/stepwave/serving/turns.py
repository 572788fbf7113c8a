"""The model's thread: answers of several sessions are made there in turn, an event each, away from the event loop.

Each answer is an iterator. The thread takes one event from each that has room for it, so that nobody waits for
another's whole answer, and a client that doesn't take what is there pauses its own answer alone. The tokens of answers
under way are computed together (`generation.together`). Where a server writes the answers there are several such
threads, since most of them wait for it (`dialogue.waiting`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import aclosing, nullcontext
from functools import partial
from typing import Final, Generic, Self, TypeVar

from stepwave.dialogue.waiting import given_up_when
from stepwave.facts.errors import ServiceError, StoppingError
from stepwave.generation.together import decoding_together

_T = TypeVar("_T")

AHEAD: Final = 64
"""Events an answer may be ahead of whoever takes them."""
_END: Final = object()


class Turns:
    """Runs iterators in a thread, a step each in turn. `close` stops it.

    `most` bounds how many wait or run. With several `threads`, so many may be in a step at the same time; each iterator
    is in one thread at a time still.
    """

    def __init__(self, most: int = 64, threads: int = 1) -> None:
        self._most = most
        self._lock = threading.Condition()
        self._jobs: deque[_Job[object]] = deque()
        self._count = 0
        self._closing = False
        self._threads = [threading.Thread(target=self._run, name="model", daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def count(self) -> int:
        """Answers under way or waiting."""
        return self._count

    async def stream(self, make: Callable[[], Iterator[_T]]) -> AsyncGenerator[_T]:
        """Yield what the iterator from `make` yields; `make` and the iterator run in the model's thread.

        Left early, close it (`contextlib.aclosing`): the iterator is closed in its thread before that returns, and a
        session is free again.
        Raises what the iterator raises, ServiceError where too many wait already, and StoppingError after `close`.
        """
        job = _Job(make, asyncio.get_running_loop())
        with self._lock:
            if self._closing:
                raise StoppingError("the server is stopping and takes nothing new; try again later, or another server")
            if self._count >= self._most:
                raise ServiceError(f"{self._count} requests are waiting for the model already; try again later")
            self._count += 1
            self._jobs.append(job)  # type: ignore[arg-type]
            self._lock.notify()
        try:
            while True:
                item = await job.results.get()
                if item is _END:
                    return
                if isinstance(item, _Failure):
                    raise item.error
                with self._lock:
                    job.ahead -= 1
                    self._lock.notify()
                yield item  # type: ignore[misc]
        finally:
            with self._lock:
                job.wanted = False
                self._lock.notify()
            await asyncio.shield(job.over.wait())

    async def call(self, work: Callable[[], _T]) -> _T:
        """Do `work` in the model's thread, when its turn comes, and return what it returns. Errors as `stream`."""

        def once() -> Iterator[_T]:
            yield work()

        async with aclosing(self.stream(once)) as stream:
            return await anext(stream)

    def close(self) -> None:
        """End the threads; what is under way is closed where it stands."""
        with self._lock:
            self._closing = True
            self._lock.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        # With several threads an answer's steps are not all made in one.
        with decoding_together() if len(self._threads) == 1 else nullcontext():
            self._take_turns()

    def _take_turns(self) -> None:
        while (job := self._next()) is not None:
            with given_up_when(partial(self._given_up, job)):
                goes_on = job.step()
            if goes_on:
                with self._lock:
                    job.ahead += 1
                    self._jobs.append(job)
                    if len(self._jobs) > 1:  # this thread takes one of them
                        self._lock.notify()
            else:
                self._let_go(job)

    def _given_up(self, job: _Job[object]) -> bool:
        return self._closing or not job.wanted

    def _let_go(self, job: _Job[object]) -> None:
        # Counted out before whoever waits for the job's end can look: a place is free once its answer is over.
        with self._lock:
            self._count -= 1
        job.tell_over()

    def _next(self) -> _Job[object] | None:
        """The next job that can go on or is to be ended; waits for one. None when the thread is to end."""
        with self._lock:
            while True:
                for _ in range(len(self._jobs)):
                    job = self._jobs.popleft()
                    job.wanted = job.wanted and not self._closing
                    if not job.wanted or job.ahead < AHEAD:
                        return job
                    self._jobs.append(job)
                if self._closing:
                    return None
                self._lock.wait()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Job(Generic[_T]):
    """One iterator, and the loop that waits for what it yields."""

    def __init__(self, make: Callable[[], Iterator[_T]], loop: asyncio.AbstractEventLoop) -> None:
        self._iterator = _made_when_asked(make)
        self._loop = loop
        self.results: asyncio.Queue[object] = asyncio.Queue()
        self.over = asyncio.Event()
        self.ahead = 0
        self.wanted = True

    def step(self) -> bool:
        """Take one item; False when that was the last (then `tell_over`). Runs in the model's thread."""
        try:
            if not self.wanted:
                self._finish(_END)
                return False
            item = next(self._iterator, _END)
            if item is _END:
                self._finish(_END)
                return False
        except BaseException as error:  # raised again where the result is taken
            self._finish(_Failure(error))
            return False
        self._tell(self.results.put_nowait, item)
        return True

    def _finish(self, last: object) -> None:
        try:
            self._iterator.close()
        except BaseException as error:
            last = _Failure(error)
        self._tell(self.results.put_nowait, last)

    def tell_over(self) -> None:
        """Wake whoever waits for the job's end, on its own loop."""
        self._tell(self.over.set)

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, *arguments)


def _made_when_asked(make: Callable[[], Iterator[_T]]) -> Generator[_T]:
    """What `make` makes, made at the first step. When it is over, nothing holds `make` and what that knows of."""
    yield from make()
