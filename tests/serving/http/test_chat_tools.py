"""Tools that the server runs for chat completions, called by a scripted model: clients see an answer like any other."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.events import ToolCallRequest
from stepwave.serving.server_tools import ServerTools
from stepwave.tools.contract import tool

from ..conftest import running
from ..realtime.test_server_tools import NOON, TIME, TOLD, Slow, calling, results
from ..scripted import ScriptedTalker, said
from .test_chat_route import SPOKEN, TOOL, WRITTEN


def script() -> list[Any]:
    return [calling(TIME, text="One moment.", seconds=0.2), said("It is noon.", 0.3)]


def test_a_call_is_run_within_the_answer(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, *script())
    with running(talker, tools=ServerTools([NOON])) as server, server.client as client:
        answer = client.chat.completions.create(model="nano", messages=WRITTEN)
    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("One moment. It is noon.", "stop")
    assert choice.message.tool_calls is None
    assert answer.usage is not None
    assert answer.usage.completion_tokens == (1 + 5) + (3 + 8)
    (session,) = talker.sessions
    assert [message.role for message in session.heard] == ["human", "input"]
    assert results(session) == [TOLD]
    assert [schema.name for schema in session.offered] == ["date_time"]


def test_a_streamed_answer_goes_on_after_a_call(tiny_talker: Stepwave) -> None:
    talker = ScriptedTalker(tiny_talker, *script())
    with running(talker, tools=ServerTools([NOON])) as server, server.client as client:
        stream = client.chat.completions.create(model="nano", messages=WRITTEN, stream=True, **SPOKEN)
        deltas = [chunk.choices[0].delta.model_dump().get("audio") or {} for chunk in stream if chunk.choices]
    assert "".join(delta.get("transcript") or "" for delta in deltas) == "One moment. It is noon."
    assert len([delta for delta in deltas if delta.get("data")]) == 2 + 3


@pytest.mark.parametrize("asked", [{"tools": [TOOL]}, {"tools": []}, {"tool_choice": "none"}])
def test_a_request_with_tools_of_its_own_or_none_gets_no_others(tiny_talker: Stepwave, asked: dict[str, Any]) -> None:
    talker = ScriptedTalker(tiny_talker, calling(TIME))
    with running(talker, tools=ServerTools([NOON])) as server, server.client as client:
        choice = client.chat.completions.create(model="nano", messages=WRITTEN, **asked).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert [schema.name for schema in talker.sessions[0].offered] == (["weather"] if asked.get("tools") else [])


def test_sensitive_tools_are_refused_since_nobody_can_be_asked(tiny_talker: Stepwave) -> None:
    paid: list[str] = []

    def pay(to: str) -> None:
        """Pays."""
        paid.append(to)

    talker = ScriptedTalker(tiny_talker, calling(ToolCallRequest("pay", '{"to": "Ann"}')), said("I may not.", 0.1))
    tools = ServerTools([tool(pay, sensitive=True)])
    with running(talker, tools=tools) as server, server.client as client:
        answer = client.chat.completions.create(model="nano", messages=WRITTEN)
    assert answer.choices[0].message.content == "I may not."
    assert "consent" in results(talker.sessions[0])[0]
    assert paid == []


def test_a_slow_tool_leaves_the_model_to_other_requests(tiny_talker: Stepwave) -> None:
    slow = Slow()
    talker = ScriptedTalker(tiny_talker, calling(slow.call), said("Something else.", 0.1), said("Rivers.", 0.1))
    contents: list[str | None] = []

    async def both() -> None:
        async with asyncio.timeout(60), server.async_client as client:
            first = asyncio.create_task(client.chat.completions.create(model="nano", messages=WRITTEN))
            await slow.until_begun()
            second = await client.chat.completions.create(model="nano", messages=WRITTEN)
            assert not first.done()
            slow.go_on.set()
            contents.extend(one.choices[0].message.content for one in (second, await first))

    with running(talker, tools=ServerTools([slow.tool], seconds=30)) as server:
        asyncio.run(both())
    assert contents == ["Something else.", "Rivers."]


def test_a_stopping_server_waits_for_a_tool_at_work(tiny_talker: Stepwave) -> None:
    slow = Slow()
    talker = ScriptedTalker(tiny_talker, calling(slow.call), said("Rivers.", 0.1))
    answers: list[str | None] = []

    def ask() -> None:
        with server.client as client:
            answer = client.chat.completions.create(model="nano", messages=WRITTEN)
            answers.append(answer.choices[0].message.content)

    with running(talker, tools=ServerTools([slow.tool], seconds=30)) as server:
        asking = threading.Thread(target=ask)
        asking.start()
        assert slow.begun.wait(30)
        server.server.stop()
        assert server.service.tools.busy
        slow.go_on.set()
        asking.join(30)
    assert answers == ["Rivers."]
