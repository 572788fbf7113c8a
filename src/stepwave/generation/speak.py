"""Speech tokens of an answer turned into sound while the answer is still being generated.

Events pass through; after speech codes, pieces of sound follow as `AudioDelta`. Codes are gathered before they go to
the detokenizer: few at first, so that sound begins early and goes on in time, then more and more, since larger chunks
cost less.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from stepwave.facts.errors import ConfigError
from stepwave.facts.events import AudioDelta, Event, Finished, SpeechDelta
from stepwave.facts.rates import OUTPUT_SAMPLE_RATE

_DETOKENIZER: Final = ThreadPoolExecutor(1, "detokenizer")
"""Makes the sound of all answers, a chunk each in turn: more threads would only share the same cores."""


class SpeechStream(Protocol):
    """What makes sound of codes: `models.detokenizer.DetokenizerStream`, or a stand-in."""

    def push(self, codes: Sequence[int]) -> NDArray[np.float32]:
        """Samples [n] at 24 kHz that are certain after these codes, often none."""
        ...

    def finish(self) -> NDArray[np.float32]:
        """The samples that are left."""
        ...


@dataclass(frozen=True)
class SpeakSettings:
    """How codes are gathered into chunks; 25 codes are a second of sound."""

    chunks: tuple[int, ...] = (10, 5, 5, 6, 7, 8, 10, 12, 15, 18, 20, 25)
    """Codes in the first chunk, in the second, and so on; in the last and every later one. Of the first the detokenizer
    still holds back about half, so the next are small: they grow no faster than sound is ahead of being played where a
    code takes five sixths of its 40 ms."""
    overlap: bool | None = None
    """Whether the detokenizer works in another thread, while the next tokens are generated; None does so where PyTorch
    computes with several threads. It takes all of them but the one that generates."""

    def __post_init__(self) -> None:
        if not self.chunks or min(self.chunks) < 1:
            raise ConfigError(f"speaking: chunks of {self.chunks} codes came; wanted one or more, each at least 1")


def speak(events: Iterable[Event], stream: SpeechStream, settings: SpeakSettings | None = None) -> Iterator[Event]:
    """Pass `events` on and add the sound of their speech codes, all of it before the `Finished` event.

    Where `events` end without `Finished` (several generations with tool calls between them, say, with their endings
    taken out) the rest of the sound comes last. An interrupted answer gets the sound of the codes it has.
    """
    settings = settings or SpeakSettings()
    chunks = _chunks(events, settings)
    overlap = torch.get_num_threads() > 1 if settings.overlap is None else settings.overlap
    return _overlapped(chunks, stream) if overlap else _in_turn(chunks, stream)


def _chunks(events: Iterable[Event], settings: SpeakSettings) -> Iterator[Event | tuple[int, ...] | None]:
    """The events, chunks of codes as soon as they are full, and None where the sound is to be finished."""
    codes: list[int] = []
    sizes = chain(settings.chunks, repeat(settings.chunks[-1]))
    size, open_end = next(sizes), True
    for event in events:
        if isinstance(event, Finished) and open_end:
            if codes:
                yield tuple(codes)
            yield None
            open_end = False
        yield event
        if isinstance(event, SpeechDelta):
            codes += event.codes
            while len(codes) >= size:
                yield tuple(codes[:size])
                del codes[:size]
                size = next(sizes)
    if open_end:
        if codes:
            yield tuple(codes)
        yield None


def _sound(samples: NDArray[np.float32]) -> Iterator[Event]:
    if len(samples):
        yield AudioDelta(samples, OUTPUT_SAMPLE_RATE)


def _in_turn(chunks: Iterable[Event | tuple[int, ...] | None], stream: SpeechStream) -> Iterator[Event]:
    for item in chunks:
        if item is None:
            yield from _sound(stream.finish())
        elif isinstance(item, tuple):
            yield from _sound(stream.push(item))
        else:
            yield item


def _overlapped(chunks: Iterable[Event | tuple[int, ...] | None], stream: SpeechStream) -> Iterator[Event]:
    threads = max(1, torch.get_num_threads() - 1)
    waiting: deque[Future[NDArray[np.float32]]] = deque()
    try:
        for item in chunks:
            if item is None:
                waiting.append(_DETOKENIZER.submit(_computed, threads, stream.finish))
                yield from _drain(waiting, wait_for_all=True)
            elif isinstance(item, tuple):
                waiting.append(_DETOKENIZER.submit(_computed, threads, partial(stream.push, item)))
            else:
                yield item
                yield from _drain(waiting, wait_for_all=False)
    finally:
        # Where the caller stopped listening, what nobody hears is not computed.
        wait([future for future in waiting if not future.cancel()])


def _computed(threads: int, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)  # of this thread alone
    return make()


def _drain(waiting: deque[Future[NDArray[np.float32]]], *, wait_for_all: bool) -> Iterator[Event]:
    """Sound that is ready, in order. Raises what went wrong with it."""
    while waiting and (wait_for_all or waiting[0].done()):
        yield from _sound(waiting.popleft().result())
