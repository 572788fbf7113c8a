"""Servers to attach: programs that are really started."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from stepwave.tools.mcp.config import McpServer

CRUDE = Path(__file__).parent / "crude_server.py"
Crude = Callable[..., McpServer]


@pytest.fixture
def crude(tmp_path: Path) -> Crude:
    """Gives the server of `crude_server.py` under a name, with tools, how it starts, and settings of `McpServer`."""

    def server(
        listed: Sequence[Any], name: str = "crude", start: str = "", later: Sequence[Any] | None = None, **settings: Any
    ) -> McpServer:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        told = {"folder": str(folder), "tools": listed, "start": start} | ({"later": later} if later else {})
        return McpServer(name, (sys.executable, "-I", "-S", str(CRUDE), json.dumps(told)), **settings)

    return server
