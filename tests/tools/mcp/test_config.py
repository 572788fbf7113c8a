"""`mcp.json`: what is read, and what is refused with the key."""

import json
from pathlib import Path
from typing import Any

import pytest

from stepwave.facts.errors import ConfigError
from stepwave.tools.mcp.config import McpServer, read_servers


def written(folder: Path, servers: Any, **others: Any) -> Path:
    path = folder / "mcp.json"
    path.write_text(json.dumps({"mcpServers": servers, **others}), encoding="utf-8")
    return path


def test_a_file_as_other_programs_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEATHER_KEY", "k-1")
    monkeypatch.delenv("NOT_SET", raising=False)
    servers = {
        "weather": {
            "type": "stdio",
            "command": "npx",
            "args": ["-y", "weather", "--key=${WEATHER_KEY}"],
            "env": {"MODE": "${NOT_SET:-fast}", "PRICE": "$5"},
            "cwd": "inside",
            "autoApprove": ["forecast"],
        },
        "far": {"url": "https://example.org/mcp", "headers": {"Authorization": "Bearer ${WEATHER_KEY}"}},
        "old": {"type": "sse", "url": "http://127.0.0.1:5/sse"},
        "off": {"command": "off", "disabled": True},
        "ours": {"command": "a", "tools": ["x"], "sensitive": ["x"], "seconds": 2, "start_seconds": 60},
        "free": {"command": "a", "sensitive": False},
    }
    weather, far, old, ours, free = read_servers(written(tmp_path, servers, globalShortcut="F1"))
    assert weather == McpServer(
        "weather",
        ("npx", "-y", "weather", "--key=k-1"),
        {"MODE": "fast", "PRICE": "$5"},
        tmp_path / "inside",
    )
    assert (far.url, far.headers, far.command) == ("https://example.org/mcp", {"Authorization": "Bearer k-1"}, ())
    assert old.sse
    assert not far.sse
    assert (ours.tools, ours.sensitive, ours.seconds, ours.start_seconds) == (("x",), ("x",), 2, 60)
    assert (far.tools, far.sensitive) == (None, None)
    assert free.sensitive is False


@pytest.mark.parametrize(
    ("servers", "told"),
    [
        ([], "mcpServers: wanted a JSON object"),
        ({"a": {}}, "mcpServers.a has neither of command and url"),
        ({"a": {"command": "x", "url": "http://b"}}, "mcpServers.a has both of command and url"),
        ({"a": {"command": ["x"]}}, "mcpServers.a.command: wanted a JSON string"),
        ({"a": {"command": ""}}, "mcpServers.a.command: "),
        ({"a": {"command": "x", "args": "y"}}, "mcpServers.a.args: wanted a JSON array"),
        ({"a": {"command": "x", "env": {"K": 5}}}, "mcpServers.a.env.K: wanted a JSON string"),
        ({"a": {"command": "x", "headers": {}}}, "mcpServers.a.headers does not go with command"),
        ({"a": {"url": "http://b", "cwd": "c"}}, "mcpServers.a.cwd does not go with url"),
        ({"a": {"command": "x", "type": "http"}}, "mcpServers.a.type is http; wanted stdio with a command"),
        ({"a": {"command": "x", "type": "pipe"}}, "mcpServers.a.type: 'pipe' is not one of"),
        ({"a": {"url": "file:///etc/passwd"}}, "mcpServers.a.url: wanted an address of http:// or https://"),
        ({"a": {"url": "http://[b"}}, "mcpServers.a.url: wanted an address"),
        ({"a": {"command": "x", "seconds": 0}}, "mcpServers.a.seconds: "),
        (
            {"a": {"command": "x", "sensitve": True}},
            "mcpServers.a: .*'sensitve' was unexpected.*known keys: type, command",
        ),
        (
            {"a": {"command": "x", "env": {"K": "${NOT_SET}"}}},
            "mcpServers.a.env.K: the environment variable NOT_SET is",
        ),
    ],
)
def test_the_key_that_is_wrong_is_told(
    servers: Any, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    with pytest.raises(ConfigError, match=rf"mcp\.json: {told}"):
        read_servers(written(tmp_path, servers))


def test_a_wrong_secret_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read_servers(written(tmp_path, {"a": {"command": "x", "env": "PASSWORD=1234"}}))
    assert "1234" not in str(refused.value)


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    with pytest.raises(ConfigError, match=r"cannot read the MCP servers of .*mcp\.json .No such file"):
        read_servers(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match="is not JSON"):
        read_servers(path)
    path.write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="is not JSON"):
        read_servers(path)
    path.write_text('{"servers": {}}')
    with pytest.raises(ConfigError, match='wanted the key "mcpServers"'):
        read_servers(path)
    path.write_text(" " * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match="is larger than 1048576 bytes"):
        read_servers(path)
