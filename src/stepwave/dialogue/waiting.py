"""How an answer that waits for something outside, such as a server's next token, learns that nobody wants it any more.

Whoever runs answers says so around each step with `given_up_when`; whoever waits asks `given_up` now and then. The two
need not know each other, and iterators between them pass nothing on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_GIVEN_UP: Final[ContextVar[Callable[[], bool] | None]] = ContextVar("given_up", default=None)


@contextmanager
def given_up_when(asked: Callable[[], bool]) -> Iterator[None]:
    """What runs inside is to stop waiting once `asked` is true. It holds for the thread that enters."""
    before = _GIVEN_UP.set(asked)
    try:
        yield
    finally:
        _GIVEN_UP.reset(before)


def given_up() -> bool:
    """Whether what runs now is wanted by nobody; False where nobody said when."""
    asked = _GIVEN_UP.get()
    return asked is not None and asked()
