"""The model's thread: answers go in turn, one that waits holds up no other, and one left early is closed."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import aclosing
from functools import partial
from itertools import groupby
from types import SimpleNamespace
from typing import cast

import pytest

from stepwave.dialogue.waiting import given_up
from stepwave.facts.errors import ServiceError, StoppingError, TextError
from stepwave.generation.context import Context
from stepwave.generation.together import companions, taking_part
from stepwave.serving.turns import AHEAD, Turns


def run(*talks: object) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await asyncio.gather(*talks)

    asyncio.run(bounded())


def test_answers_are_made_a_step_each_in_one_thread() -> None:
    order: list[str] = []
    threads: set[str] = set()
    both = threading.Event()

    def answer(name: str) -> Iterator[int]:
        both.wait(10)
        for number in range(5):
            threads.add(threading.current_thread().name)
            order.append(name)
            yield number

    async def take(turns: Turns, name: str) -> None:
        assert [item async for item in turns.stream(lambda: answer(name))] == [0, 1, 2, 3, 4]

    async def begin(turns: Turns) -> None:
        while turns.count < 2:
            await asyncio.sleep(0.005)
        both.set()

    with Turns() as turns:
        run(take(turns, "a"), take(turns, "b"), begin(turns))
    assert threads == {"model"}
    longest = max(len(list(steps)) for _, steps in groupby(order))
    # Whoever came first had its first step while the other was not there.
    assert longest <= 2, order


def test_an_answer_nobody_takes_is_not_made_further_and_holds_up_no_other() -> None:
    made: list[int] = []

    def endless() -> Iterator[int]:
        for number in range(1_000_000):
            made.append(number)
            yield number

    async def talk(turns: Turns) -> None:
        slow = turns.stream(endless)
        assert await anext(slow) == 0
        assert [item async for item in turns.stream(lambda: iter("other"))] == list("other")
        while len(made) < AHEAD:
            await asyncio.sleep(0.005)
        await turns.call(lambda: None)
        assert len(made) <= AHEAD + 1
        await slow.aclose()
        assert turns.count == 0

    with Turns() as turns:
        run(talk(turns))


def test_an_answer_left_early_is_closed_before_the_next_begins() -> None:
    happened: list[str] = []

    def answer() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            happened.append("closed")

    async def talk(turns: Turns) -> None:
        task = asyncio.create_task(drain(turns))
        while not task.done() and turns.count == 0:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        happened.append("left")
        await turns.call(lambda: happened.append("next"))

    async def drain(turns: Turns) -> None:
        async with aclosing(turns.stream(answer)) as items:
            async for _ in items:
                await asyncio.sleep(0)

    with Turns() as turns:
        run(talk(turns))
    assert happened == ["closed", "left", "next"]


def test_what_goes_wrong_comes_out_where_it_was_asked_for() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise TextError("no words")

    def unmade() -> Iterator[int]:
        raise TextError("nothing to begin with")

    async def talk(turns: Turns) -> None:
        stream = turns.stream(broken)
        assert await anext(stream) == 1
        with pytest.raises(TextError, match="no words"):
            await anext(stream)
        with pytest.raises(TextError, match="nothing to begin"):
            await turns.call(lambda: next(unmade()))
        with pytest.raises(TextError, match="nothing to begin"):
            await anext(turns.stream(unmade))
        assert await turns.call(lambda: 7) == 7

    with Turns() as turns:
        run(talk(turns))


def test_too_many_and_too_late_are_refused() -> None:
    gate = threading.Event()

    def waits() -> Iterator[int]:
        gate.wait(10)
        yield 1

    async def talk(turns: Turns) -> None:
        first = asyncio.create_task(turns.call(lambda: next(waits())))
        while turns.count < 1:
            await asyncio.sleep(0.005)
        with pytest.raises(ServiceError, match="1 requests are waiting"):
            await turns.call(lambda: 2)
        gate.set()
        assert await first == 1
        await asyncio.to_thread(turns.close)
        with pytest.raises(StoppingError, match="stopping"):
            await turns.call(lambda: 3)

    turns = Turns(most=1)
    run(talk(turns))


@pytest.mark.parametrize("left_early", [False, True])
def test_what_an_answer_was_made_from_goes_when_it_is_over(left_early: bool) -> None:
    class Question:
        pass

    async def go(turns: Turns) -> None:
        question = Question()
        known = weakref.ref(question)

        def make(question: Question = question) -> Iterator[int]:
            return (number for number, _ in enumerate([question] * 3))

        stream = turns.stream(make)
        del question, make
        async with aclosing(stream):
            async for _ in stream:
                if left_early:
                    break
        # The stream itself is still known, and would hold what it was made with.
        await turns.call(lambda: None)
        assert known() is None

    with Turns() as turns:
        run(go(turns))


def test_with_several_threads_an_answer_that_waits_holds_up_no_other() -> None:
    gates = [threading.Event() for _ in range(3)]

    def waits(number: int) -> Iterator[int]:
        assert gates[number].wait(10)
        yield number

    async def talk(turns: Turns) -> None:
        waiting = [asyncio.create_task(turns.call(partial(next, waits(number)))) for number in range(3)]
        await asyncio.sleep(0)
        assert [item async for item in turns.stream(lambda: iter(range(100)))] == list(range(100))
        assert not any(task.done() for task in waiting)
        for number in (2, 0, 1):
            gates[number].set()
            assert await waiting[number] == number

    with Turns(threads=4) as turns:
        run(talk(turns))


@pytest.mark.parametrize("closes", [False, True])
def test_an_answer_that_waits_learns_that_it_is_given_up(closes: bool) -> None:
    begun = threading.Event()

    def waits() -> Iterator[int]:
        yield 1
        begun.set()
        while not given_up():
            time.sleep(0.005)
        raise ServiceError("given up")

    async def talk(turns: Turns) -> None:
        stream = turns.stream(waits)
        assert await anext(stream) == 1
        await asyncio.to_thread(begun.wait, 10)
        if closes:
            await asyncio.to_thread(turns.close)
        await stream.aclose()
        assert turns.count == 0

    with Turns(threads=2) as turns:
        run(talk(turns))
    assert not given_up()


@pytest.mark.parametrize("threads", [1, 2])
def test_tokens_are_computed_together_where_one_thread_makes_all_answers(threads: int) -> None:
    model = SimpleNamespace()
    scene = threading.Barrier(2, timeout=10)
    seen: list[int] = []

    def answer() -> Iterator[int]:
        context = cast(Context, SimpleNamespace(model=model))
        with taking_part(context):
            yield 1
            if threads == 2:
                scene.wait()
            for _ in range(5):
                seen.append(len(companions(context)))
                yield 2

    async def take(turns: Turns) -> None:
        assert [item async for item in turns.stream(answer)] == [1, 2, 2, 2, 2, 2]

    with Turns(threads=threads) as turns:
        run(take(turns), take(turns))
    assert len(seen) == 10
    assert max(seen) == (1 if threads == 1 else 0)
