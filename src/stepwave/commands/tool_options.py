"""Tools for commands that answer: choosing them by name, asking before a sensitive one, showing what was called."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from stepwave.commands.console import Steps, complain, printable

if TYPE_CHECKING:
    from stepwave.dialogue.results import Round
    from stepwave.tools.contract import Tool
    from stepwave.tools.runner import Confirm, ToolOutcome
    from stepwave.tools.voices.places import LibraryPlace

Tools: TypeAlias = Annotated[
    str | None,
    typer.Option("--tools", metavar="all|NAME,NAME", help="Tools that the model may call. Without it, none."),
]
Mcp: TypeAlias = Annotated[
    Path | None,
    typer.Option("--mcp", metavar="FILE", help="An mcp.json, whose servers' tools the model may call, too."),
]
Trace: TypeAlias = Annotated[
    bool, typer.Option("--trace", help="Show step by step what was said, called and returned, with times.")
]


@contextmanager
def opened_tools(
    names: str | None, mcp: Path | None, libraries: Sequence[LibraryPlace] | None = ()
) -> Iterator[list[Tool]]:
    """The tools for `--tools` and `--mcp`, whose servers end when the context is left.

    Voices are searched in `libraries`, then in the user's and the project's; for None in none.

    Complains about what is missing; raises what `tools.opening` `open_tools` raises.
    """
    from stepwave.tools.opening import open_tools

    with open_tools(names, mcp, libraries) as (tools, problems):
        for problem in problems:
            complain(problem)
        yield tools


def chosen_tools(names: str) -> list[Tool]:
    """The installed tools of those names; complains and raises as `opened_tools`."""
    with opened_tools(names, None) as tools:
        return tools


def asking(steps: Steps) -> Confirm:
    """Asks at the terminal before a sensitive tool is run; where nobody sits there the answer is no."""

    def confirm(tool: Tool, arguments: Mapping[str, Any]) -> bool:
        if not sys.stdin.isatty():
            return False
        with steps.paused():
            call = printable(f"{tool.name} {json.dumps(arguments, ensure_ascii=False)}")
            return typer.confirm(f"The model wants to run {call}. Allow it?", err=True)

    return confirm


class AskingAside:
    """Asks at the terminal before a sensitive tool is run, while the talk goes on; where nobody sits there, no."""

    def __init__(self) -> None:
        self._line: asyncio.Future[str] | None = None

    async def __call__(self, name: str, arguments: str) -> bool:
        """Whether the next line that is typed says yes. Cancelled, the question is taken back."""
        if not sys.stdin.isatty():
            return False
        from stepwave.serving.server_tools import in_thread

        complain(f"The model wants to run {printable(f'{name} {arguments}')}. Allow it? Type y and Enter for yes.")
        # Reading can't be broken off: one that an earlier question left behind serves this one. What it read by now
        # was the answer to that.
        if self._line is None or self._line.done():
            self._line = asyncio.ensure_future(in_thread(sys.stdin.readline))
        return (await asyncio.shield(self._line)).strip().lower() in ("y", "yes")


def trace_record(rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """What happened, in order, for `--json`: each entry with the second at which it was complete."""
    steps: list[dict[str, Any]] = []
    for one in rounds:
        if one.text:
            steps.append({"at": round(one.answered, 3), "said": one.text})
        at = one.answered
        for call in one.calls:
            at += call.seconds
            steps.append({"at": round(at, 3), "called": call.name, **outcome_record(call)})
    return steps


def outcome_record(outcome: ToolOutcome) -> dict[str, Any]:
    """How a call was made and what came of it, for `--json`."""
    return {
        "arguments": outcome.arguments_json,
        "status": outcome.status,
        "result": outcome.text,
        "problem": outcome.problem,
        "seconds": round(outcome.seconds, 3),
    }


def trace_lines(rounds: Sequence[Round]) -> Iterator[str]:
    """The same as lines to read."""
    for step in trace_record(rounds):
        at = f"{step['at']:8.2f} s  "
        if "said" in step:
            yield f"{at}said    {step['said']}"
        else:
            yield f"{at}called  {step['called']} {step['arguments']} ({step['seconds']:.2f} s)"
            problem = f" [{step['problem']}]" if step["problem"] else ""
            yield f"{at}{step['status']:8s}{step['result']}{problem}"
