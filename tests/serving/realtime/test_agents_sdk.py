"""OpenAI's Agents SDK, unmodified but for the address: it sets up the session, runs a tool, and takes the sound."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import TextPart
from stepwave.facts.events import Finished, ToolCallRequest
from stepwave.serving.server_tools import ServerTools
from stepwave.tools.clock import clock

from ..conftest import TOKEN, Running, running
from ..scripted import ScriptedTalker, said

agents = pytest.importorskip("agents", reason="needs the package openai-agents")


async def converse(server: Running, asked: list[str], ends: int = 2) -> list[Any]:
    """All events until the agent has ended `ends` times."""
    from agents import function_tool, set_tracing_disabled
    from agents.realtime import RealtimeAgent, RealtimeRunner

    set_tracing_disabled(True)

    @function_tool
    def weather(place: str) -> str:
        """Tells the weather."""
        asked.append(place)
        return "sunny, 20 degrees"

    agent: Any = RealtimeAgent(name="guide", instructions="Be brief.", tools=[weather])
    runner = RealtimeRunner(agent)
    events: list[Any] = []
    config: Any = {"url": f"ws://{server.address}/v1/realtime?model=nano", "api_key": TOKEN}
    async with asyncio.timeout(60), await runner.run(model_config=config) as session:
        await session.send_message("What is the weather in Paris?")
        async for event in session:
            events.append(event)
            assert event.type != "error", event
            if event.type == "agent_end" and sum(one.type == "agent_end" for one in events) == ends:
                return events
    raise AssertionError("the session ended by itself")


def test_it_runs_a_tool_and_hears_the_answer(tiny_talker: Stepwave) -> None:
    call = [ToolCallRequest("weather", '{"place": "Paris"}'), Finished("stop", 0, 0, 0.1)]
    talker = ScriptedTalker(tiny_talker, call, said("It is sunny.", 0.5))
    asked: list[str] = []
    with running(talker) as server:
        events = asyncio.run(converse(server, asked))
    assert asked == ["Paris"]
    sound = b"".join(event.audio.data for event in events if event.type == "audio")
    assert len(sound) == 24_000
    session = talker.sessions[0]
    assert [message.role for message in session.heard] == ["human", "input"]
    assert session.heard[1].content == (TextPart("sunny, 20 degrees"),)
    assert session.told[-1][0] == "Be brief."


def test_it_hears_an_answer_for_which_the_server_runs_a_tool(tiny_talker: Stepwave) -> None:
    call = [ToolCallRequest("date_time", '{"time_zone": "Tokyo"}'), Finished("stop", 0, 0, 0.1)]
    talker = ScriptedTalker(tiny_talker, call, said("It is noon.", 0.5))
    asked: list[str] = []
    with running(talker, tools=ServerTools([clock()])) as server:
        events = asyncio.run(converse(server, asked, ends=1))
    assert asked == []
    assert len(b"".join(event.audio.data for event in events if event.type == "audio")) == 24_000
    assert [tool.name for tool in talker.sessions[0].told[-1][1]] == ["date_time", "weather"]
