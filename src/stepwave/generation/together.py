"""Conversations whose next tokens are computed together, in one pass over the weights.

A token of one conversation costs about as much as one of each of several: what takes the time is reading the weights.
So where one thread writes several answers in turn, the first of them that needs its next hidden state has those of the
others computed with it, and they find theirs done when their turn comes. Nobody waits for anybody: what is computed for
an answer that pauses or ends is a token's state at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from stepwave.generation.context import Context

_TOGETHER: Final[ContextVar[list[Context] | None]] = ContextVar("together", default=None)


@contextmanager
def decoding_together() -> Iterator[None]:
    """Answers of which all steps are made inside, and so in this thread, are computed together."""
    before = _TOGETHER.set([])
    try:
        yield
    finally:
        _TOGETHER.reset(before)


@contextmanager
def taking_part(context: Context) -> Iterator[None]:
    """While an answer is made in `context`: others may have its next hidden state computed with theirs."""
    decoding = _TOGETHER.get()
    if decoding is None:
        yield
        return
    decoding.append(context)
    try:
        yield
    finally:
        decoding.remove(context)


def companions(context: Context) -> list[Context]:
    """The other conversations with the same model whose answers are being made now, those before which it stands
    first; none outside `decoding_together`, or where `context` takes no part."""
    decoding = _TOGETHER.get() or []
    if context not in decoding:
        return []
    at = decoding.index(context)
    return [other for other in (*decoding[at + 1 :], *decoding[:at]) if other.model is context.model]
