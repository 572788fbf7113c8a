"""Our tools, served to the official client."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from stepwave.facts.errors import ToolError
from stepwave.tools.contract import tool
from stepwave.tools.mcp.attached import Attached
from stepwave.tools.mcp.config import McpServer
from stepwave.tools.mcp.server import build_server

SERVE = ("-m", "stepwave", "tools", "serve")


def add(a: int, b: int = 1) -> int:
    """Adds."""
    print("what tools print does not matter")
    return a + b


def explain() -> str:
    """Fails with an explanation."""
    raise ToolError("the station is closed")


def words(result: CallToolResult) -> str:
    (block,) = result.content
    assert block.type == "text"
    return block.text


def test_calls_are_checked_run_and_mapped() -> None:
    async def talk() -> None:
        served = build_server([tool(add), tool(explain, sensitive=True)])
        async with Client(served) as client:
            first, second = (await client.list_tools()).tools
            assert (first.name, first.description) == ("add", "Adds.")
            assert first.input_schema["properties"] == {"a": {"type": "integer"}, "b": {"type": "integer"}}
            assert first.annotations
            assert second.annotations
            assert (first.annotations.read_only_hint, second.annotations.read_only_hint) == (True, False)
            done = await client.call_tool("add", {"a": 2})
            assert (words(done), done.is_error) == ("3", False)
            wrong = await client.call_tool("add", {"a": "2"})
            assert (words(wrong)[:30], wrong.is_error) == ("The arguments for 'add' are wr", True)
            failed = await client.call_tool("explain")
            assert (words(failed), failed.is_error) == ("The tool 'explain' failed: the station is closed.", True)
            with pytest.raises(MCPError, match="no tool called 'sing'; known: add, explain"):
                await client.call_tool("sing")

    asyncio.run(talk())


def test_the_command_serves_on_standard_input() -> None:
    async def talk() -> None:
        server = StdioServerParameters(
            command=sys.executable, args=[*SERVE, "--tools", "date_time"], env=dict(os.environ)
        )
        async with Client(server) as client:
            assert [one.name for one in (await client.list_tools()).tools] == ["date_time"]
            told = await client.call_tool("date_time", {"time_zone": "tokyo"})
            assert json.loads(words(told))["time_zone"] == "Asia/Tokyo"

    asyncio.run(talk())


def test_our_own_client_reads_our_own_server() -> None:
    server = McpServer("ours", (sys.executable, *SERVE), env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")})
    with Attached([server]) as servers:
        assert servers.problems == []
        (clock,) = [one for one in servers.tools if one.name == "date_time"]
        assert not clock.sensitive
        assert json.loads(str(clock.run(time_zone="Oslo")))["time_zone"] == "Europe/Oslo"
        with pytest.raises(ToolError, match="no time zone is known for 'Atlantis'"):
            clock.run(time_zone="Atlantis")


@pytest.fixture
def served() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command with --http, its token being "secret"; its address."""
    environment = {**os.environ, "STEPWAVE_TOKEN": "secret"}
    with subprocess.Popen(
        [sys.executable, *SERVE, "--http", "--port", "0"], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("MCP:   http://127.0.0.1:")
        assert line.endswith("(send the header Authorization: Bearer secret)\n")
        yield line.split()[1], process
        process.kill()


def test_the_command_serves_on_this_machine(served: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = served

    async def talk() -> None:
        async with (
            httpx2.AsyncClient(headers={"Authorization": "Bearer secret"}) as http,
            Client(streamable_http_client(address, http_client=http)) as client,
        ):
            told = await client.call_tool("date_time", {"time_zone": "tokyo"})
            assert json.loads(words(told))["time_zone"] == "Asia/Tokyo"

    asyncio.run(talk())
    asyncio.run(refused(address))
    attached = McpServer("ours", url=address, headers={"Authorization": "Bearer secret"})
    with Attached([attached]) as servers:
        assert "date_time" in [one.name for one in servers.tools]
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


async def refused(address: str) -> None:
    """Who does not show the token, comes from a page elsewhere, or asked for another name, is not let in."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    shown = {"Authorization": "Bearer secret", "Accept": "application/json, text/event-stream"}
    async with httpx2.AsyncClient() as http:

        async def status(**headers: str) -> int:
            return (await http.post(address, json=body, headers=headers)).status_code

        assert await status() == 401
        assert await status(**shown) == 200
        assert await status(**{**shown, "Authorization": "Bearer guess"}) == 401
        assert await status(**shown, Origin="https://example.org") == 403
        assert await status(**shown, Host="example.org") == 403
        large = await http.post(address, content=b"x" * 2_000_000, headers=shown | {"Content-Type": "application/json"})
        assert large.status_code == 413


def test_ctrl_c_ends_the_command_while_it_waits_for_input() -> None:
    run = subprocess.Popen(
        [sys.executable, *SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdin
    assert run.stdout
    ask = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    run.stdin.write(json.dumps(ask) + "\n")
    run.stdin.flush()
    assert json.loads(run.stdout.readline())["id"] == 1
    time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    output, errors = run.communicate(timeout=60)
    assert (run.returncode, output, errors) == (130, "", "")


def test_sensitive_tools_are_served_only_when_told(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[str]] = []

    def build(tools: Any) -> Any:
        found.append([one.name for one in tools])
        raise ToolError("enough")

    monkeypatch.setattr("stepwave.tools.mcp.server.build_server", build)
    pay, see = tool(explain, name="pay", sensitive=True), tool(explain, name="see")
    monkeypatch.setattr("stepwave.commands.tool_options.chosen_tools", lambda names: [pay, see])
    told = "stepwave: not served, as they need a yes from the user: pay; give --sensitive to serve them"
    assert program("tools", "serve").err.splitlines()[0] == told
    assert program("tools", "serve", "--sensitive").err.splitlines() == ["stepwave: enough"]
    assert found == [["see"], ["pay", "see"]]
