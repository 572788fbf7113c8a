"""Tools that are opened: installed ones, those of a file's servers, or both."""

import json
import sys
from pathlib import Path

import pytest

from stepwave.facts.errors import ConfigError, MissingExtraError
from stepwave.tools.opening import open_tools

# A server of one tool that has the name of ours, in as little as that takes.
SERVER = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    method, result = asked["method"], None
    if method == "initialize":
        result = {"protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}}}
        result["serverInfo"] = {"name": "a", "version": "1"}
    elif method == "tools/list":
        result = {"tools": [{"name": "date_time", "inputSchema": {"type": "object"}}]}
    answer = {"error": {"code": -32601, "message": ""}} if result is None else {"result": result}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""


def test_installed_tools_need_no_server() -> None:
    with open_tools("date_time") as (tools, problems):
        assert [tool.name for tool in tools] == ["date_time"]
        assert problems == []
    with open_tools(None) as (tools, problems):
        assert (tools, problems) == ([], [])


def test_a_files_tools_come_with_them(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    servers = {"far": {"command": sys.executable, "args": ["-c", SERVER]}, "gone": {"command": "no-such-program"}}
    path.write_text(json.dumps({"mcpServers": servers}))
    with open_tools("date_time", path) as (tools, problems):
        assert [tool.name for tool in tools] == ["date_time", "far_date_time"]
        assert problems == ["the MCP server 'gone' could not be started: No such file or directory: no-such-program"]
    with open_tools(None, path) as (tools, _):
        assert [tool.name for tool in tools] == ["date_time"]


def test_a_file_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the MCP servers"), open_tools(None, tmp_path / "none.json"):
        pass


def test_a_missing_sdk_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "stepwave.tools.mcp.attached", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'stepwave\[tools\]'"), open_tools(None, tmp_path):
        pass
