"""Tools of installed packages: entry points, good and broken."""

import sys
import types
from importlib.metadata import EntryPoint

import pytest

from stepwave.facts.errors import RegistryError
from stepwave.tools import registry
from stepwave.tools.clock import clock
from stepwave.tools.contract import tool
from stepwave.tools.registry import find_tools


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
    points = [EntryPoint(name, value, registry.GROUP) for name, value in names.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: [one for one in points if one.group == group])


@pytest.mark.usefixtures("_packages")
def test_broken_packages_are_told_and_leave_the_others_alone() -> None:
    found = find_tools()
    assert list(found.tools) == ["date_time", "one", "two"]
    wrong, missing, taken = found.problems
    assert "'dice_tools:wrong' gives no usable tool 'a' (TypeError" in wrong
    assert "is a function; wanted a Tool or a list of them" in wrong
    assert "'nobody.there:one' gives no usable tool 'b' (ModuleNotFoundError" in missing
    assert "the tool 'date_time' is registered already" in taken


@pytest.mark.usefixtures("_packages")
def test_tools_are_chosen_by_name() -> None:
    found = find_tools()
    assert [one.name for one in found.choose("all")] == ["date_time", "one", "two"]
    assert [one.name for one in found.choose("two, date_time,two")] == ["two", "date_time"]
    with pytest.raises(RegistryError, match=r"no tool called 'three'; known: date_time, one, two; .*nobody\.there"):
        found.choose("three")
    with pytest.raises(RegistryError, match="no name of a tool"):
        found.choose(" ,")
