"""An answer that is begun before it is sure that the question is over, and thrown away where it was not.

What the server needs for an answer's first sound takes about as long as the silence that ends a turn. So a short pause
already asks the model; nobody is told before the turn is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from typing import Final

from stepwave.facts.errors import ServiceError
from stepwave.facts.events import Event
from stepwave.serving.turns import Turns

_AHEAD: Final = 128
"""Events that are made before somebody wants them: some seconds of sound."""


class Draft:
    """Events of one answer, made from now on. Lives on the event loop.

    Take them (`events`), then `stop` it in any case; or `withdraw` it.
    """

    def __init__(self, turns: Turns, make: Callable[[], Iterator[Event]], undo: Callable[[], object]) -> None:
        """`make` begins the answer and `undo` takes back what it did to the session, both in the model's thread."""
        self._turns = turns
        self._undo = undo
        self._made: asyncio.Queue[Event | Exception | None] = asyncio.Queue(_AHEAD)
        self._making = asyncio.create_task(self._run(make))

    async def events(self) -> AsyncGenerator[Event]:
        """What was made so far, and the rest as it is made. Raises what making it raised."""
        while (item := await self._made.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    async def stop(self) -> None:
        """Make no more of it; what was made stays in the session. Returns when the session is free again."""
        self._making.cancel()
        await asyncio.gather(self._making, return_exceptions=True)

    async def withdraw(self) -> None:
        """Stop, and take back what was done to the session."""
        await self.stop()
        with suppress(ServiceError):  # the server is stopping, and the session ends with it
            await self._turns.call(self._undo)

    async def _run(self, make: Callable[[], Iterator[Event]]) -> None:
        try:
            async with aclosing(self._turns.stream(make)) as events:
                async for event in events:
                    await self._made.put(event)
        except Exception as error:  # raised again where the events are taken
            await self._made.put(error)
        else:
            await self._made.put(None)
