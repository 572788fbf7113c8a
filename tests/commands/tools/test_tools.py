"""`stepwave tools`: what there is, one call, an index; and an answer that searches it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepwave.tools import registry
from stepwave.tools.clock import clock
from stepwave.tools.contract import Tool, tool

Program = Callable[..., Any]
ARTICLES = Path(__file__).parents[3] / "examples" / "documents"


def send(text: str) -> str:
    """Sends a message."""
    return text


def crash() -> None:
    """Breaks."""
    raise RuntimeError("password 1234")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPWAVE_SEARCH", raising=False)
    monkeypatch.setattr(registry, "entry_points", lambda group: [])
    monkeypatch.setattr(registry, "libraries_there", lambda: False)


def add(monkeypatch: pytest.MonkeyPatch, *tools: Tool) -> None:
    own: dict[str, Any] = {one.name: lambda one=one: one for one in tools}
    monkeypatch.setattr(registry, "_OWN", {"date_time": clock, **own})


def test_list(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = program("tools", "list")
    assert outcome.code == 0
    voices, time, weather, search = sorted(outcome.out.splitlines())
    assert voices.startswith("audio_search, from stepwave: not set up; a voice library")
    assert time == "date_time, from stepwave: Tells the current date, day of the week and time."
    assert weather.startswith("weather, from stepwave: Tells the current weather")
    assert search.startswith("web_search, from stepwave: not set up; set STEPWAVE_SEARCH to index:FILE")
    records = [json.loads(line) for line in program("tools", "list", "--json").out.splitlines()]
    assert [sorted(record) for record in records] == [["description", "name", "package", "sensitive"]] * 2 + [
        ["name", "needs", "package"]
    ] * 2
    monkeypatch.setenv("STEPWAVE_SEARCH", "google")
    outcome = program("tools", "list")
    assert outcome.code == 1
    assert outcome.out.splitlines()[-1].startswith(
        "problem: the tool 'web_search' cannot be used: got the search engine"
    )
    assert "problem" in json.loads(program("tools", "list", "--json").out.splitlines()[-1])


def test_call(program: Program) -> None:
    outcome = program("tools", "call", "date_time", "--arguments", '{"time_zone": "tokyo"}')
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out)["time_zone"] == "Asia/Tokyo"
    told = json.loads(program("tools", "call", "date_time", "--json").out)
    assert told.keys() == {"name", "arguments", "status", "result", "problem", "seconds"}
    assert (told["status"], told["problem"]) == ("done", None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("date_time", "--arguments", "{"), "The tool call could not be read: the arguments are not JSON"),
        (("date_time", "--arguments", '{"place": 1}'), "The arguments for 'date_time' are wrong"),
        (("date_time", "--arguments", '{"time_zone": "Tokio"}'), "near are Asia/Tokyo"),
        (("send", "--arguments", '{"text": "a"}'), "it needs the user's consent"),
    ],
)
def test_a_call_that_fails_ends_with_1(
    program: Program, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    add(monkeypatch, tool(send, sensitive=True))
    outcome = program("tools", "call", *arguments)
    assert (outcome.code, outcome.err) == (1, "")
    assert told in outcome.out


def test_a_tool_that_breaks_is_told_to_its_keeper(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, tool(crash))
    outcome = program("tools", "call", "crash")
    assert (outcome.code, outcome.out) == (1, "The tool 'crash' failed.\n")
    assert outcome.complaint == "stepwave: RuntimeError: password 1234"


def test_an_unknown_tool_is_told(program: Program) -> None:
    outcome = program("tools", "call", "web_search")
    assert outcome.code == 1
    assert "'web_search' needs this: set STEPWAVE_SEARCH to" in outcome.complaint


def test_an_index_is_made_and_searched(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = program("tools", "index", ARTICLES, "--to", "town.index")
    assert outcome.code == 0
    assert outcome.out.startswith("town.index: 12 documents in ")
    assert "(12 added, 0 changed, 0 removed, 0 left out)" in outcome.out
    monkeypatch.setenv("STEPWAVE_SEARCH", "index:town.index")
    outcome = program(
        "tools", "call", "web_search", "--arguments", '{"query": "When does the library close on Saturday?"}'
    )
    assert outcome.code == 0
    heading, first, *_ = outcome.out.splitlines()
    assert heading.startswith("Search results (untrusted text")
    assert first.startswith("1. Quillhaven Town Library (town-library.md): ")
    assert "on Saturday from 9:00 to 13:00" in first


def test_files_that_cannot_be_read_are_told(program: Program, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for number in range(12):
        (tmp_path / "folder" / f"{number:02}.txt").write_bytes(b"\xff")
    outcome = program("tools", "index", "folder", "--to", "i.index")
    assert outcome.code == 0
    lines = outcome.err.splitlines()
    assert lines[0] == "stepwave: left out 00.txt: not UTF-8; save it as UTF-8"
    assert lines[10:] == ["stepwave: left out 2 more files that cannot be read; --json lists all"]
    told = json.loads(program("tools", "index", "folder", "--to", "i.index", "--json").out)
    assert (told["documents"], len(told["skipped"])) == (0, 12)


def test_a_folder_that_is_none_is_told(program: Program) -> None:
    assert "'nowhere' is no folder" in program("tools", "index", "nowhere", "--to", "i.index").complaint
