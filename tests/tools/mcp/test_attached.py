"""Servers that are attached: programs are started, listed, called, ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwave.facts.errors import ToolError
from stepwave.facts.events import ToolCallRequest
from stepwave.tools.mcp.attached import Attached
from stepwave.tools.mcp.config import McpServer
from stepwave.tools.runner import ToolRunner

Crude = Callable[..., McpServer]


def alive(process: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_tools_of_all_pages_are_offered_and_called(crude: Crude) -> None:
    with Attached([crude(["one", "two", "three", "four", "five"])]) as servers:
        assert servers.problems == []
        assert [tool.name for tool in servers.tools] == ["one", "two", "three", "four", "five"]
        assert servers.tools[4].run(a=1, self="x") == 'five({"a": 1, "self": "x"}) at start 1'


def test_a_call_goes_through_the_runner(crude: Crude) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    reading = {"name": "read", "inputSchema": schema, "annotations": {"readOnlyHint": True}}
    with Attached([crude([reading, "write", "fail", "refuse"], sensitive=["write"])]) as servers:
        runner = ToolRunner(servers.tools)
        outcome = runner.run(ToolCallRequest("read", '{"city": "Łódź"}'))
        assert (outcome.status, json.loads(outcome.text[5:-12])) == ("done", {"city": "Łódź"})
        assert runner.run(ToolCallRequest("read", "{}")).status == "invalid"
        assert runner.run(ToolCallRequest("write", "{}")).status == "unconfirmed"
        failed = runner.run(ToolCallRequest("fail", "{}"))
        assert (failed.status, failed.text) == ("failed", "The tool 'fail' failed: the station is closed.")
        refused = runner.run(ToolCallRequest("refuse", "{}"))
        assert refused.text == "The tool 'refuse' failed: the MCP server 'crude' refused: not today."


def test_a_program_finds_no_more_than_it_is_given(
    crude: Crude, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "1234")
    with Attached([crude(["environment", "where"], env={"GIVEN": "5"}, cwd=tmp_path)]) as servers:
        environment, where = servers.tools
        found = json.loads(str(environment.run()))
        assert found["GIVEN"] == "5"
        assert "PATH" in found
        assert "SECRET_OF_OURS" not in found
        assert where.run() == str(tmp_path)


def test_servers_that_share_a_name_get_their_own_in_front(crude: Crude) -> None:
    near, far = crude(["get", "near"], "near one"), crude(["get", "clock"], "far")
    with Attached([near, far], taken=["clock"]) as servers:
        assert [tool.name for tool in servers.tools] == ["near_one_get", "near", "far_get", "far_clock"]
        assert str(servers.tools[2].run()).startswith("get(")


def test_only_the_tools_that_the_file_names_are_offered(crude: Crude) -> None:
    with Attached([crude(["one", "two"], tools=("two", "three"))]) as servers:
        assert [tool.name for tool in servers.tools] == ["two"]
        assert servers.problems == [
            "the MCP server 'crude' has no tool 'three', which its tools name; it has: one, two"
        ]


def test_closing_ends_a_program_that_would_stay_and_what_it_started(
    crude: Crude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwave.tools.mcp.program._GRACE_SECONDS", 0.1)
    with Attached([crude(["child"], start="stay")]) as servers:
        child = int(str(servers.tools[0].run()))
        assert alive(child)
    for _ in range(500):  # killed processes are taken away by and by
        if not alive(child):
            break
        time.sleep(0.01)
    assert not alive(child)
    with pytest.raises(ToolError, match="'crude' is closed"):
        servers.tools[0].run()


def test_closing_ends_a_call_under_way(crude: Crude) -> None:
    with Attached([crude(["hang"])]) as servers:
        runner = ToolRunner(servers.tools, seconds=0.1, confirm=lambda tool, arguments: True)
        assert runner.run(ToolCallRequest("hang", "{}")).status == "late"


def test_ctrl_c_ends_the_programs(crude: Crude) -> None:
    server = crude(["child"])
    program = (
        "import sys, time\n"
        "from stepwave.tools.mcp.attached import Attached\n"
        "from stepwave.tools.mcp.config import McpServer\n"
        "with Attached([McpServer('crude', tuple(sys.argv[1:]))]) as servers:\n"
        "    print(servers.tools[0].run(), flush=True)\n"
        "    time.sleep(600)\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program, *server.command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout
    child = int(run.stdout.readline())
    assert alive(child)
    os.kill(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert errors.endswith("KeyboardInterrupt\n")
    assert "MCP" not in errors
    for _ in range(500):
        if not alive(child):
            break
        time.sleep(0.01)
    assert not alive(child)
