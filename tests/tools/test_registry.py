"""Tools of installed packages: entry points, good and broken."""

import subprocess
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from stepwave.facts.errors import DataError, RegistryError
from stepwave.tools import registry
from stepwave.tools.clock import clock
from stepwave.tools.contract import tool
from stepwave.tools.registry import find_tools
from stepwave.tools.voices.places import LibraryPlace


def roll(sides: int = 6) -> int:
    """Rolls a die."""
    return sides


@pytest.fixture
def _packages(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("dice_tools")
    vars(module).update(one=tool(roll, name="one"), several=[tool(roll, name="two")], wrong=roll, taken=clock())
    monkeypatch.setitem(sys.modules, "dice_tools", module)
    names = {"a": "dice_tools:wrong", "b": "nobody.there:one", "c": "dice_tools:one", "d": "dice_tools:several"}
    names |= {"e": "dice_tools:taken"}
    monkeypatch.delenv("STEPWAVE_SEARCH", raising=False)
    points = [EntryPoint(name, value, registry.GROUP) for name, value in names.items()]
    monkeypatch.setattr(registry, "libraries_there", lambda: False)
    monkeypatch.setattr(registry, "entry_points", lambda group: [one for one in points if one.group == group])


@pytest.mark.usefixtures("_packages")
def test_broken_packages_are_told_and_leave_the_others_alone() -> None:
    found = find_tools()
    assert list(found.tools) == ["date_time", "weather", "one", "two"]
    assert found.packages["date_time"] == "stepwave"
    assert found.packages["two"] == "dice_tools:several"
    wrong, missing, taken = found.problems
    assert "'dice_tools:wrong' gives no usable tool 'a' (TypeError" in wrong
    assert "is a function; wanted a Tool or a list of them" in wrong
    assert "'nobody.there:one' gives no usable tool 'b' (ModuleNotFoundError" in missing
    assert "the tool 'date_time' is registered already" in taken


@pytest.mark.usefixtures("_packages")
def test_voices_are_searched_where_there_is_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "libraries_there", lambda: True)
    assert list(find_tools().tools) == ["audio_search", "date_time", "weather", "one", "two"]


@pytest.mark.usefixtures("_packages")
def test_voices_are_searched_in_the_libraries_that_are_named_and_in_none_for_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = find_tools([LibraryPlace(tmp_path / "nothing")])
    assert "audio_search" in named.tools
    with pytest.raises(DataError, match="nothing"):
        named.tools["audio_search"].run(query="an old man")
    monkeypatch.setattr(registry, "libraries_there", lambda: True)
    assert "audio_search" not in find_tools(None).tools
    with pytest.raises(RegistryError, match="none is offered here"):
        find_tools(None).choose("audio_search")


@pytest.mark.usefixtures("_packages")
def test_tools_are_chosen_by_name() -> None:
    found = find_tools()
    assert [one.name for one in found.choose("all")] == ["date_time", "weather", "one", "two"]
    assert [one.name for one in found.choose("two, date_time,two")] == ["two", "date_time"]
    with pytest.raises(
        RegistryError, match=r"no tool called 'three'; known: date_time, weather, one, two; .*nobody\.there"
    ):
        found.choose("three")
    with pytest.raises(RegistryError, match="no name of a tool"):
        found.choose(" ,")


@pytest.fixture
def _no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "libraries_there", lambda: False)
    monkeypatch.setattr(registry, "entry_points", lambda group: [])


@pytest.mark.usefixtures("_no_packages")
def test_what_needs_setting_up_is_told_to_those_who_ask_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWAVE_SEARCH", " ")
    found = find_tools()
    assert (list(found.tools), list(found.absent), found.problems) == (
        ["date_time", "weather"],
        ["audio_search", "web_search"],
        (),
    )
    assert [one.name for one in found.choose("all")] == ["date_time", "weather"]
    with pytest.raises(
        RegistryError, match=r"no tool called 'web_search'; .* needs this: set STEPWAVE_SEARCH to index:"
    ):
        found.choose("web_search")
    monkeypatch.setattr(registry, "has_httpx", lambda: False)
    found = find_tools()
    assert list(found.tools) == ["date_time"]
    assert "pip install 'stepwave[tools]'" in found.absent["weather"]


@pytest.mark.usefixtures("_no_packages")
def test_a_search_engine_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEPWAVE_SEARCH", "searxng:http://127.0.0.1:8888")
    assert list(find_tools().tools) == ["date_time", "weather", "web_search"]
    monkeypatch.setenv("STEPWAVE_SEARCH", f"index:{tmp_path}/none.index")
    found = find_tools()
    assert list(found.tools) == ["date_time", "weather"]
    assert found.problems[0].startswith("the tool 'web_search' cannot be used: there is no index at")
    with pytest.raises(RegistryError, match="there is no index at"):
        found.choose("web_search")


def test_finding_tools_loads_nothing_that_only_calls_need() -> None:
    heavy = ("httpx", "httpcore", "sqlite3", "lxml", "ddgs", "markdown_it", "torch", "jsonschema")
    program = (
        "import os, sys; os.environ['STEPWAVE_SEARCH'] = 'searxng:http://127.0.0.1:8888'\n"
        "from stepwave.tools.registry import find_tools\n"
        f"assert 'web_search' in find_tools().tools; print([name for name in {heavy!r} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", program], timeout=120, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
