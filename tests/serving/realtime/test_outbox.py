"""What waits for a client: in order, once, kept for a while, and never more than the bound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.serving.errors import ApiError
from stepwave.serving.realtime.outbox import Outbox


def run(talk: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(10):
            return await talk()

    return asyncio.run(bounded())


async def take(outbox: Outbox) -> dict[str, Any]:
    number, text = await outbox.peek()
    outbox.sent(number)
    event: dict[str, Any] = json.loads(text)
    return event


def test_events_come_in_order_with_their_ids() -> None:
    async def talk() -> None:
        outbox = Outbox(1_000)
        waiting = asyncio.create_task(take(outbox))
        await asyncio.sleep(0)
        assert outbox.put({"type": "a", "text": "über"}) == "event_0"
        assert await waiting == {"type": "a", "text": "über", "event_id": "event_0"}
        assert [outbox.put({"type": "b"}), outbox.put({"type": "c"})] == ["event_1", "event_2"]
        assert [(await take(outbox))["type"] for _ in range(2)] == ["b", "c"]
        assert outbox.unsent == 0

    run(talk)


def test_who_makes_too_much_waits_until_some_is_sent() -> None:
    async def talk() -> None:
        outbox = Outbox(100)
        outbox.put({"type": "x" * 200})
        waiting = asyncio.create_task(outbox.room())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        await take(outbox)
        await waiting

    run(talk)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(0, 11))
def test_going_back_sends_again_exactly_what_was_not_seen(bursts: list[int], seen: int) -> None:
    async def talk() -> None:
        outbox = Outbox(1_000_000)
        total = 0
        for burst in bursts:
            for _ in range(burst + 1):
                outbox.put({"type": str(total)})
                total += 1
            await take(outbox)
        last = min(seen, total - 1)
        outbox.go_back(f"event_{last}")
        sent = len(bursts)
        rest = [(await take(outbox))["type"] for _ in range(total - min(last + 1, sent))]
        assert rest == [str(number) for number in range(min(last + 1, sent), total)]
        assert outbox.unsent == 0

    run(talk)


def test_what_is_too_old_or_never_was_is_told() -> None:
    async def talk() -> None:
        outbox = Outbox(100)
        for _ in range(10):
            outbox.put({"type": "x" * 60})
            await take(outbox)
        with pytest.raises(ApiError, match="no longer kept") as refused:
            outbox.go_back("event_2")
        assert refused.value.code == "event_expired"
        for made_up in ("event_10", "event_-1", "yesterday", ""):
            with pytest.raises(ApiError, match="there was no event"):
                outbox.go_back(made_up)
        outbox.go_back(None)
        outbox.put({"type": "last"})
        assert (await take(outbox))["type"] == "last"

    run(talk)
