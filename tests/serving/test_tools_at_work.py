"""The server's tools by themselves: how many may be at work, and who waits for them."""

from __future__ import annotations

import asyncio

import pytest

from stepwave.facts.errors import ConfigError, RegistryError
from stepwave.facts.events import ToolCallRequest
from stepwave.serving.server_tools import ServerTools
from stepwave.text.schemas import ToolSchema
from stepwave.tools.contract import Tool

from .realtime.test_server_tools import NOON, TIME, TOLD, Slow


def test_too_many_at_work_are_refused_until_one_has_ended() -> None:
    slow = Slow()
    tools = ServerTools([slow.tool, NOON], seconds=30, most=1)
    calls = tools.calls()

    async def go() -> None:
        first = asyncio.create_task(calls.run(slow.call))
        await slow.until_begun()
        assert tools.busy
        refused = await calls.run(TIME)
        assert (refused.status, refused.problem) == ("failed", "too many tools at work")
        assert "try again later" in refused.text
        # Nobody waits for it any more, and it is at work still.
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert not tools.busy
        assert (await calls.run(TIME)).status == "failed"
        slow.go_on.set()
        while (outcome := await calls.run(TIME)).status == "failed":
            await asyncio.sleep(0.005)
        assert outcome.text == TOLD

    asyncio.run(asyncio.wait_for(go(), 30))


def test_a_misspelt_name_is_told_those_of_both_sides() -> None:
    async def go() -> str:
        calls = ServerTools([NOON]).calls(theirs=["weather"])
        assert not calls.is_ours(ToolCallRequest("weather", "{}"))
        call = ToolCallRequest("wether", "{}")
        assert calls.is_ours(call)
        return (await calls.run(call)).text

    assert asyncio.run(go()) == "There is no tool called 'wether'. Tools there are: date_time, weather."


def test_without_tools_of_its_own_a_server_answers_no_call() -> None:
    assert not ServerTools().calls().is_ours(TIME)


def test_tools_that_cannot_be_offered_are_refused_at_the_start() -> None:
    with pytest.raises(RegistryError, match="date_time"):
        ServerTools([NOON, NOON])
    broken = Tool(ToolSchema("broken", "", {"type": "object", "properties": 7}), lambda: None)
    with pytest.raises(ConfigError, match="broken"):
        ServerTools([broken])
