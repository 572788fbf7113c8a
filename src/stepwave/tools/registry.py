"""Which tools there are: our own, and those of installed packages (entry points of the group `stepwave.tools`).

An entry point names a `Tool` or a list of them. Its package is imported, so its code runs: install what you trust.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from stepwave.facts.errors import MissingExtraError, RegistryError, StepwaveError
from stepwave.facts.registry import Registry
from stepwave.tools.clock import clock
from stepwave.tools.contract import Tool
from stepwave.tools.voices.places import LibraryPlace, libraries_there
from stepwave.tools.voices.search_tool import audio_search
from stepwave.tools.web.fetching import has_httpx
from stepwave.tools.web.search.choosing import CHOICES, VARIABLE, open_engine
from stepwave.tools.web.search.tool import web_search
from stepwave.tools.web.weather.tool import weather

OWN: Final = "stepwave"
"""The package of our own tools."""
GROUP: Final = "stepwave.tools"
ALL: Final = "all"


@dataclass(frozen=True)
class FoundTools:
    """What was found."""

    tools: Registry[Tool]
    """By name."""
    problems: tuple[str, ...]
    """A line for each tool that is there and cannot be used; the others are not touched by it."""
    packages: Mapping[str, str] = field(default_factory=dict)
    """By a tool's name: the package that it comes from."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """By name: what our tools need that nobody has set up. No problem, unless somebody asks for one."""

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
            needs = [f"'{name}' needs this: {self.absent[name]}" for name in wanted if name in self.absent]
            raise RegistryError("; ".join([str(error), *needs, *self.problems])) from None


def find_tools(libraries: Sequence[LibraryPlace] | None = ()) -> FoundTools:
    """Our own tools that can work here, and those of installed packages. Never fails for a broken package.

    `libraries` are voice libraries to be searched before the user's own and the project's; None for none at
    all, not even those.
    """
    tools: Registry[Tool] = Registry("tool")
    problems: list[str] = []
    absent: dict[str, str] = {}
    packages: dict[str, str] = {}
    own: dict[str, Callable[[], Tool | str]] = {"audio_search": partial(_audio_search, libraries), **_OWN}
    for name, make in own.items():
        try:
            made = make()
        except StepwaveError as error:
            problems.append(f"the tool '{name}' cannot be used: {error}")
        else:
            if isinstance(made, Tool):
                tools.register(name, made)
                packages[name] = OWN
            else:
                absent[name] = made
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        package = point.dist.name if point.dist else point.value
        try:
            for one in _load(point):
                tools.register(one.name, one)
                packages[one.name] = point.dist.name if point.dist else point.value
        except Exception as error:  # whatever a foreign module does when it is imported
            problems.append(
                f"the package '{package}' gives no usable tool '{point.name}' ({type(error).__name__}: {error}); "
                "update or uninstall it"
            )
    return FoundTools(tools, tuple(problems), packages, absent)


def _audio_search(libraries: Sequence[LibraryPlace] | None) -> Tool | str:
    if libraries is None:
        return "a voice library, and none is offered here"
    if not libraries and not libraries_there():
        return "a voice library: add one with `stepwave voices add`"
    # Opened at its first call; here it is only looked for.
    return audio_search(libraries)


def _weather() -> Tool | str:
    return weather() if has_httpx() else str(MissingExtraError("tools", "httpx"))


def _web_search() -> Tool | str:
    choice = os.environ.get(VARIABLE, "").strip()
    return web_search(open_engine(choice)) if choice else f"set {VARIABLE} to {CHOICES} (docs/tools.md)"


_OWN: Final[Mapping[str, Callable[[], Tool | str]]] = {
    "date_time": clock,
    "weather": _weather,
    "web_search": _web_search,
}
"""Our own tools by name, without the one that needs libraries: what makes one, or says what it needs. StepwaveError
means a wrong setting."""


def _load(point: EntryPoint) -> Sequence[Tool]:
    loaded = point.load()
    found = [loaded] if isinstance(loaded, Tool) else loaded
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, Tool) for one in found):
        raise TypeError(f"{point.value} is a {type(loaded).__name__}; wanted a Tool or a list of them")
    return found
