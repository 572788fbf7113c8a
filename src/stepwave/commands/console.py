"""What commands show while they work and when something is wrong: progress and single lines, all on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """A line that tells what is going on, with a bar where the end is known; nothing where stderr is no terminal.

    >>> with Steps() as steps:
    ...     steps.now("opening nano")
    ...     steps.share(0.5)
    """

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Steps:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @property
    def visible(self) -> bool:
        """Whether anybody sees the line: not where stderr is no terminal."""
        return not self._progress.disable

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to a question."""
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def now(self, what: str) -> None:
        """Begin another step, whose end is not known yet."""
        self._progress.update(self._task, description=what, total=None, completed=0)

    def describe(self, what: str) -> None:
        """Tell more of the same step."""
        self._progress.update(self._task, description=what)

    def share(self, done: float) -> None:
        """Tell which share of the step, 0 to 1, is done."""
        self._progress.update(self._task, total=1.0, completed=done)


def complain(message: str) -> None:
    """One line on stderr. A line break inside, from a file's name say, is shown and not obeyed."""
    line = "\\n".join(message.splitlines())
    typer.echo(f"stepwave: {line}", err=True)


def tell(line: str) -> None:
    """One line on stdout. What a model wrote may hold anything; control characters would act on the terminal."""
    typer.echo(printable(line))


def printable(text: str) -> str:
    """The text with spaces for line breaks and control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def print_json(record: dict[str, Any]) -> None:
    """One object as one line on stdout."""
    typer.echo(json.dumps(record, ensure_ascii=False))
