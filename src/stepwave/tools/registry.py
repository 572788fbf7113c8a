"""Which tools there are: our own, and those of installed packages (entry points of the group `stepwave.tools`).

An entry point names a `Tool` or a list of them. Its package is imported, so its code runs: install what you trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from stepwave.facts.errors import RegistryError
from stepwave.facts.registry import Registry
from stepwave.tools.clock import clock
from stepwave.tools.contract import Tool

GROUP: Final = "stepwave.tools"
ALL: Final = "all"


@dataclass(frozen=True)
class FoundTools:
    """What was found."""

    tools: Registry[Tool]
    """By name."""
    problems: tuple[str, ...]
    """A line for each entry point that gave no tool, with its package; the others are not touched by it."""

    def choose(self, names: str) -> list[Tool]:
        """Tools for `all`, or for names with commas between them. Raises RegistryError for a name nobody has."""
        if names.strip() == ALL:
            return list(self.tools.values())
        wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
        if not wanted:
            raise RegistryError(f"got no name of a tool; wanted '{ALL}' or some of: {', '.join(self.tools)}")
        try:
            return [self.tools[name] for name in wanted]
        except RegistryError as error:
            raise RegistryError("; ".join([str(error), *self.problems])) from None


def find_tools() -> FoundTools:
    """Our own tools and those of installed packages. Never fails for a broken package."""
    tools: Registry[Tool] = Registry("tool")
    own = clock()
    tools.register(own.name, own)
    problems = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        package = point.dist.name if point.dist else point.value
        try:
            for one in _load(point):
                tools.register(one.name, one)
        except Exception as error:  # whatever a foreign module does when it is imported
            problems.append(
                f"the package '{package}' gives no usable tool '{point.name}' ({type(error).__name__}: {error}); "
                "update or uninstall it"
            )
    return FoundTools(tools, tuple(problems))


def _load(point: EntryPoint) -> Sequence[Tool]:
    loaded = point.load()
    found = [loaded] if isinstance(loaded, Tool) else loaded
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, Tool) for one in found):
        raise TypeError(f"{point.value} is a {type(loaded).__name__}; wanted a Tool or a list of them")
    return found
