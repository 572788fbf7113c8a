"""Suites as declarations: which checks, on what material, what the model is asked, what is measured of the answers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stepwave.evaluation.figures import Measure
from stepwave.evaluation.items import Item
from stepwave.evaluation.tasks import TASKS
from stepwave.facts.errors import ConfigError


@dataclass(frozen=True)
class Places:
    """Where material lies."""

    data: Path
    """Recordings and texts from elsewhere (their README names the sources)."""
    checks: Path
    """What was synthesised for checking."""
    fetch: bool = False
    """Whether data sets that are not here may be fetched from their hubs."""
    revision: str = ""
    """Which state of a hub's data set is meant: a commit of 40 digits; empty for what lies in the data folder."""
    sample: bool = False
    """Whether the few items that come with a suite are asked in place of its data, to try the way: no score."""


@dataclass(frozen=True)
class Check:
    """One kind of question and what is measured of its answers."""

    name: str
    """For `--only` and for files."""
    title: str
    """What is asked of the model, for reports."""
    on: str
    """The material, for reports: what it is, and what it can't show."""
    items: Callable[[Places], list[Item]]
    """Reads the material. Raises StepwaveError where it is missing."""
    task: str
    """One of `tasks.TASKS`."""
    measures: tuple[Measure, ...]
    """What is measured, in the order of the report."""
    data: str = ""
    """Which data and which state of it (name, part, revision), for the files of a run; empty where `on` says all."""
    timed: bool = False
    """Times of one run belong together: answers of an unfinished run aren't kept, and one question goes ahead unstored
    so that none is the first."""

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ConfigError(f"check {self.name}: there is no task '{self.task}'; known: {', '.join(TASKS)}")
        names = [measure.name for measure in self.measures]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"check {self.name} needs at least one measure, each with a name of its own")


@dataclass(frozen=True)
class Suite:
    """Checks that are run and reported together."""

    name: str
    """For the command."""
    summary: str
    """What it tells, in a line."""
    checks: tuple[Check, ...]
    """In the order they are run."""

    def __post_init__(self) -> None:
        names = [check.name for check in self.checks]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"suite {self.name} needs at least one check, each with a name of its own")

    def chosen(self, only: str | None) -> tuple[Check, ...]:
        """All checks, or those whose name is `only` or starts with `only-`; ConfigError where none does."""
        chosen = tuple(c for c in self.checks if only is None or c.name == only or c.name.startswith(f"{only}-"))
        if not chosen:
            known = ", ".join(check.name for check in self.checks)
            raise ConfigError(f"the suite {self.name} has no check '{only}'; known: {known}")
        return chosen
