"""An answer that calls a tool of an MCP server: the model is scripted (see `script`), the server is a real program."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from stepwave.dialogue.loop import converse
from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.conversation import TextPart
from stepwave.facts.events import Finished, TextDelta, ToolCallRequest
from stepwave.tools.mcp.attached import Attached
from stepwave.tools.mcp.config import read_servers
from stepwave.tools.runner import ToolOutcome, ToolRunner

EXAMPLE = Path(__file__).parents[2] / "examples" / "mcp" / "mcp.json"
END = Finished("stop", 2, 25, 0.1)


def test_a_tool_of_a_server_is_called_and_its_result_read(talker: Stepwave, script: Callable[..., list[str]]) -> None:
    read = script(
        [TextDelta("Let me look."), ToolCallRequest("forecast", '{"city": "Rome"}'), END], [TextDelta("Sunny."), END]
    )
    (weather,) = read_servers(EXAMPLE)
    assert weather.command[0] == "python"
    with Attached([replace(weather, command=(sys.executable, *weather.command[1:]))]) as servers:
        runner = ToolRunner(servers.tools)
        session = talker.session(seed=1, tools=runner.schemas)
        events = list(converse(session, runner, TextPart("Will it rain in Rome?"), text_only=True))
    (outcome,) = [event for event in events if isinstance(event, ToolOutcome)]
    assert (outcome.status, outcome.text) == ("done", "Tomorrow in Rome: sunny, 21 degrees.")
    assert events[-2] == TextDelta("Sunny.")
    assert "Tells tomorrow's weather in a city." in read[0]
    assert "input\nTomorrow in Rome: sunny, 21 degrees." in read[1]
