"""`stepwave serve`: what is said where a vLLM server, a tool or a library is missing, and whose voices it offers."""

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwave.facts.events import ToolCallRequest
from stepwave.serving.service import Service
from stepwave.tools.voices.embedded import EmbeddedStore

from ..conftest import Outcome


@pytest.mark.parametrize("options", [("--engine", "vllm"), ("--url", "http://127.0.0.1:1")])
def test_the_engine_and_its_place_belong_together(program: Callable[..., Outcome], options: tuple[str, ...]) -> None:
    outcome = program("serve", *options)
    assert outcome.code == 2
    assert "belong together" in " ".join(outcome.err.split())


def test_nobody_at_the_place_is_one_line(program: Callable[..., Outcome], tiny_nano: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    outcome = program("serve", "--model", tiny_nano, "--port", 0, "--engine", "vllm", "--url", url, "--threads", 1)
    assert outcome.code == 1
    assert "can't be reached" in outcome.complaint


def test_an_unknown_tool_is_one_line_that_names_those_there_are(program: Callable[..., Outcome]) -> None:
    outcome = program("serve", "--port", 0, "--tools", "date_time,crystal_ball")
    assert outcome.code == 1
    assert "crystal_ball" in outcome.complaint
    assert "date_time" in outcome.complaint


def test_whose_voices_are_offered(
    program: Callable[..., Outcome], tiny_nano: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Service] = []

    async def serve(service: Service, *_: Any) -> None:
        served.append(service)
        service.turns.close()

    monkeypatch.setattr("stepwave.serving.run.serve", serve)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "none"))
    EmbeddedStore(tmp_path).close()
    for options in ((), ("--library", tmp_path), ("--no-libraries",)):
        outcome = program("serve", "--model", tiny_nano, "--port", 0, *options)
        assert outcome.code == 0, outcome.err
    offered = [[one.name for one in service.libraries.listed(2)] for service in served]
    assert offered == [["arthur", "rose"], ["arthur", "rose"], []]
    named = [[library.folder for library in service.libraries._libraries()] for service in served[:2]]
    assert named[1] == [tmp_path.resolve(), *named[0]]
    for service in served:
        service.libraries.close()


def test_a_folder_without_a_library_is_one_line(program: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = program("serve", "--port", 0, "--library", tmp_path)
    assert outcome.code == 1
    assert "there is no voice library in" in outcome.complaint
    assert program("serve", "--library", tmp_path, "--no-libraries").code == 2
    for options in ((), ("--library", tmp_path, "--library", tmp_path)):
        outcome = program("serve", "--store", "postgresql://here/voices", *options)
        assert outcome.code == 2
        assert "give --library once" in " ".join(outcome.err.split())


def test_tools_of_mcp_servers_are_offered_while_it_serves(
    program: Callable[..., Outcome], tiny_nano: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    called: list[str] = []

    async def serve(service: Service, *_: Any) -> None:
        assert [one.name for one in service.tools.schemas] == ["date_time", "forecast"]
        outcome = await service.tools.calls().run(ToolCallRequest("forecast", '{"city": "Rome"}'))
        called.append(outcome.text)
        service.turns.close()

    monkeypatch.setattr("stepwave.serving.run.serve", serve)
    server = Path(__file__).parents[2] / "examples" / "mcp" / "weather_server.py"
    servers = {"weather": {"command": sys.executable, "args": [str(server)]}}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
    options = ("--tools", "date_time", "--mcp", tmp_path / "mcp.json")
    outcome = program("serve", "--model", tiny_nano, "--port", 0, "--no-libraries", *options)
    assert outcome.code == 0, outcome.err
    assert called == ["Tomorrow in Rome: sunny, 21 degrees."]
