"""`stepwave reply --tools`, with a model that is scripted: it speaks, calls and speaks again as the tests write it."""

import io
import json
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stepwave.commands.console import Steps
from stepwave.commands.tool_options import asking
from stepwave.dialogue.language import LanguageContext
from stepwave.dialogue.session import Session
from stepwave.facts.events import Event, Finished, SpeechDelta, TextDelta, ToolCallRequest
from stepwave.tools.contract import tool

Program = Callable[..., Any]
END = Finished("stop", 3, 50, 0.1)
CALL = ToolCallRequest("date_time", '{"time_zone": "tokyo"}')
ANSWERS = ([TextDelta("One moment."), SpeechDelta((1,) * 25), CALL, END], [TextDelta("Late."), SpeechDelta((2,)), END])


@pytest.fixture(autouse=True)
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> deque[list[Event]]:
    """What the sessions answer, ANSWERS unless a test changes it, in a folder of its own with a recorded question."""
    monkeypatch.chdir(tmp_path)
    soundfile.write("question.wav", 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000)
    waiting: deque[list[Event]] = deque(list(answer) for answer in ANSWERS)
    made = Session.__init__

    def decode(*_: object) -> Iterator[Event]:
        yield from waiting.popleft()

    def init(self: Session, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **named)
        context: LanguageContext = self._context
        monkeypatch.setattr(context, "decode", decode, raising=False)

    monkeypatch.setattr(Session, "__init__", init)
    monkeypatch.setattr("stepwave.dialogue.session.Session.transcript", lambda self: "what time is it")
    return waiting


def test_a_trace_shows_what_happened(program: Program, tiny_nano: Path) -> None:
    outcome = program("reply", "question.wav", "-m", tiny_nano, "--tools", "date_time", "--trace")
    assert outcome.code == 0, outcome.err
    heard, said, called, done, late, answer, sound = outcome.out.splitlines()
    assert heard == "heard:  what time is it"
    assert said.endswith(" s  said    One moment.")
    assert ' s  called  date_time {"time_zone": "tokyo"} (' in called
    assert ' s  done    {"date": "' in done
    assert '"time_zone": "Asia/Tokyo"}' in done
    assert late.endswith(" s  said    Late.")
    assert answer == "answer: One moment. Late."
    assert sound.startswith("sound:  answer.wav (1.0 s")


def test_a_trace_as_json(program: Program, tiny_nano: Path) -> None:
    outcome = program("reply", "question.wav", "-m", tiny_nano, "--tools", "all", "--trace", "--json")
    told = json.loads(outcome.out)
    first, call, last = told["trace"]
    assert (first["said"], last["said"]) == ("One moment.", "Late.")
    assert first["at"] <= call["at"] <= last["at"]
    assert (call["called"], call["arguments"], call["status"]) == ("date_time", CALL.arguments_json, "done")
    assert json.loads(call["result"])["time_zone"] == "Asia/Tokyo"
    assert call["problem"] is None
    assert call["seconds"] >= 0


def test_an_answer_searches_documents(
    program: Program, tiny_nano: Path, answers: deque[list[Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    articles = Path(__file__).parents[2] / "examples" / "documents"
    assert program("tools", "index", articles, "--to", "town.index").code == 0
    monkeypatch.setenv("STEPWAVE_SEARCH", "index:town.index")
    answers[0][2] = ToolCallRequest("web_search", '{"query": "Lantern Museum opening hours"}')
    told = json.loads(program("reply", "question.wav", "-m", tiny_nano, "--tools", "all", "--trace", "--json").out)
    call = told["trace"][1]
    assert call["status"] == "done"
    assert "1. Lantern Museum (lantern-museum.md): Opening hours: Open from 10:30 to 17:15" in call["result"]


def test_without_tools_a_call_is_not_run(program: Program, tiny_nano: Path) -> None:
    told = json.loads(program("reply", "question.wav", "-m", tiny_nano, "--trace", "--json").out)
    assert told["trace"][1]["status"] == "unknown"


def test_an_unknown_tool_is_told_before_a_model_is_opened(program: Program) -> None:
    outcome = program("reply", "question.wav", "-m", "no-such-model", "--tools", "date_time,sing")
    assert outcome.code == 1
    assert "there is no tool called 'sing'; known: audio_search, date_time, weather" in outcome.complaint


FORECAST = ToolCallRequest("forecast", '{"city": "Rome"}')


def test_tools_of_mcp_servers_are_offered(program: Program, tiny_nano: Path, answers: deque[list[Event]]) -> None:
    answers[0] = [TextDelta("One moment."), FORECAST, END]
    server = Path(__file__).parents[2] / "examples" / "mcp" / "weather_server.py"
    servers = {"weather": {"command": sys.executable, "args": [str(server)]}, "gone": {"command": "no-such-program"}}
    Path("mcp.json").write_text(json.dumps({"mcpServers": servers}))
    outcome = program("reply", "question.wav", "-m", tiny_nano, "--mcp", "mcp.json", "--trace", "--json")
    traced = json.loads(outcome.out)["trace"][1]
    assert (traced["status"], traced["result"]) == ("done", "Tomorrow in Rome: sunny, 21 degrees.")
    assert outcome.complaint.startswith("stepwave: the MCP server 'gone' could not be started: No such file")


def send(text: str) -> None:
    """Sends a message."""


class Typed(io.StringIO):
    """What somebody types, at a terminal or not."""

    def __init__(self, text: str, terminal: bool) -> None:
        super().__init__(text)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(("terminal", "typed", "answer"), [(True, "y", True), (True, "n", False), (False, "y", False)])
def test_sensitive_tools_are_asked_about_at_a_terminal(
    terminal: bool, typed: str, answer: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(f"{typed}\n", terminal))
    with Steps() as steps:
        assert asking(steps)(tool(send, sensitive=True), {"text": "a\x1b[2Jb"}) is answer
    shown = 'The model wants to run send {"text": "a\\u001b[2Jb"}. Allow it?' in capsys.readouterr().err
    assert shown is terminal
