"""The speech server with its language model in a (stand-in for a) vLLM server: answers at once, errors for clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import APIStatusError

from stepwave.checkpoints.layouts import open_layout
from stepwave.dialogue.engine import LocalEngine
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import TextPart
from stepwave.serving.turns import Turns
from stepwave.vllm.remote.engine import connect

from ..vllm.remote.simulated import Simulated, fails, simulated, waits
from .conftest import Running, running

HELLO: Any = [{"role": "user", "content": "Hello."}]


@pytest.fixture(scope="module")
def one_vllm(tiny_nano: Path) -> Iterator[Simulated]:
    with simulated(LocalEngine(open_layout(tiny_nano), "cpu")) as served:
        yield served


@pytest.fixture(scope="module")
def remote(one_vllm: Simulated, tiny_nano: Path) -> Iterator[Running]:
    with running(Stepwave(connect(open_layout(tiny_nano), one_vllm.url)), Turns(threads=4)) as one:
        yield one


@pytest.fixture
def vllm(one_vllm: Simulated) -> Simulated:
    one_vllm.forget()
    return one_vllm


def test_an_answer_that_vllm_lets_wait_holds_up_no_other(remote: Running, vllm: Simulated) -> None:
    gate, waiting = threading.Event(), threading.Event()
    first: list[APIStatusError] = []

    def ask() -> None:
        with pytest.raises(APIStatusError) as caught:
            remote.client.chat.completions.create(model="nano", messages=HELLO)
        first.append(caught.value)

    vllm.faults.append(waits(gate, begun=waiting))
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert waiting.wait(30)
        answer = remote.client.chat.completions.create(model="nano", messages=HELLO, max_tokens=8)
        assert answer.choices[0].finish_reason == "length"
        assert not first
    finally:
        gate.set()
        thread.join(30)
    assert first[0].status_code == 503
    assert first[0].body["code"] == "service_unavailable"  # type: ignore[index]
    assert "broke off" in first[0].message


def test_a_failed_answer_is_told_and_the_session_goes_on(remote: Running, vllm: Simulated) -> None:
    async def talk() -> None:
        async with asyncio.timeout(60), remote.async_client.realtime.connect(model="nano") as connection:
            item: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
            await connection.conversation.item.create(item=item)
            vllm.faults.append(fails(500, "out of memory"))
            for status in ("failed", "incomplete"):
                # The second asks nothing new: what was not answered still waits.
                await connection.response.create(response={"output_modalities": ["text"]})
                async for event in connection:
                    if event.type == "response.done":
                        assert event.response.status == status
                        break
                if status == "failed":
                    details = event.response.status_details
                    assert details is not None
                    assert details.error is not None
                    assert details.error.code == "service_unavailable"

    asyncio.run(talk())
    assert len(vllm.asked) == 2
    assert vllm.asked[0]["token_ids"] == vllm.asked[1]["token_ids"]


def test_stopping_waits_for_no_silent_vllm(vllm: Simulated, tiny_nano: Path) -> None:
    gate, waiting = threading.Event(), threading.Event()
    engine = connect(open_layout(tiny_nano), vllm.url)

    async def ask(turns: Turns) -> None:
        vllm.faults.append(waits(gate, begun=waiting))
        answer = turns.stream(lambda: Stepwave(engine).session().stream(TextPart("Hello."), text_only=True))
        task = asyncio.create_task(anext(answer))
        assert await asyncio.to_thread(waiting.wait, 30)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await answer.aclose()
        assert turns.count == 0

    with Turns(threads=2) as turns:
        asyncio.run(ask(turns))
    assert not gate.is_set()
    gate.set()
