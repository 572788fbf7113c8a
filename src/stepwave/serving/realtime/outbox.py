"""What a conversation has to tell its client: numbered, sent once, kept a while for a connection that was lost."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from stepwave.serving.errors import ApiError

PREFIX: Final = "event_"


class Outbox:
    """Events in order. `most_bytes` may wait unsent before `room` makes their maker wait; as much is kept once sent."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._log: deque[tuple[int, str]] = deque()
        self._next = 0
        self._sent = 0
        self._unsent_bytes = self._kept_bytes = 0
        self._wakers: set[asyncio.Future[None]] = set()

    @property
    def unsent(self) -> int:
        """Bytes that wait to be sent."""
        return self._unsent_bytes

    def put(self, event: Mapping[str, Any]) -> str:
        """Add an event, and return the id it got."""
        name = f"{PREFIX}{self._next}"
        text = json.dumps({**event, "event_id": name}, ensure_ascii=False)
        self._log.append((self._next, text))
        self._next += 1
        self._unsent_bytes += len(text)
        self._wake()
        return name

    async def room(self) -> None:
        """Wait until less than the bound is unsent."""
        while self._unsent_bytes >= self._most:
            await self._wait()

    async def peek(self) -> tuple[int, str]:
        """The next event to send, with its number; waits for one. `sent` tells that it is gone."""
        while True:
            for number, text in self._log:
                if number >= self._sent:
                    return number, text
            await self._wait()

    def sent(self, number: int) -> None:
        """The event of that number is with the client, as far as can be told."""
        for at, text in self._log:
            if self._sent <= at <= number:
                self._unsent_bytes -= len(text)
                self._kept_bytes += len(text)
        self._sent = max(self._sent, number + 1)
        while self._kept_bytes > self._most and self._log[0][0] < self._sent:
            self._kept_bytes -= len(self._log.popleft()[1])
        self._wake()

    def go_back(self, last_event_id: str | None) -> None:
        """Send again what came after the event that the client saw last; None goes on where sending stopped.

        Raises ApiError for an id that never was, or is so old that what follows it is no longer kept.
        """
        if last_event_id is None:
            return
        seen = last_event_id.removeprefix(PREFIX)
        if not seen.isdecimal() or int(seen) >= self._next:
            raise ApiError(f"there was no event '{last_event_id}'", code="unknown_event", param="last_event_id")
        wanted = int(seen) + 1
        if self._log and wanted < self._log[0][0]:
            raise ApiError(
                f"what followed '{last_event_id}' is no longer kept; start a new session",
                code="event_expired",
                param="last_event_id",
            )
        for number, text in self._log:
            if wanted <= number < self._sent:
                self._unsent_bytes += len(text)
                self._kept_bytes -= len(text)
        self._sent = min(self._sent, wanted)
        self._wake()

    async def _wait(self) -> None:
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wakers.add(waker)
        try:
            await waker
        finally:
            self._wakers.discard(waker)

    def _wake(self) -> None:
        for waker in self._wakers:
            if not waker.done():
                waker.set_result(None)
