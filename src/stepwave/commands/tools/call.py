"""`stepwave tools call`: one call, as a model would make it."""

from __future__ import annotations

from typing import Annotated

import typer

from stepwave.commands import tool_options
from stepwave.commands.console import Steps, complain, print_json, tell


def call(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A tool of `stepwave tools list`.")],
    arguments: Annotated[
        str, typer.Option("--arguments", metavar="JSON", help="The arguments, as a model writes them: a JSON object.")
    ] = "{}",
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.1, help="How long it may take; 10 s unless told otherwise.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object with everything about the call.")] = False,
) -> None:
    """Run one tool and print what a model would be told.

    Ends with exit code 1 where the call was refused or the tool failed.

    \b
    Examples:
      stepwave tools call date_time --arguments '{"time_zone": "Tokyo"}'
      stepwave tools call weather --arguments '{"location": "Oslo", "day": "tomorrow"}'
    """
    from stepwave.facts.events import ToolCallRequest
    from stepwave.tools.runner import SECONDS, ToolRunner

    chosen = tool_options.chosen_tools(name)
    with Steps() as steps:
        steps.now(f"calling {name}")
        runner = ToolRunner(chosen, SECONDS if seconds is None else seconds, confirm=tool_options.asking(steps))
        outcome = runner.run(ToolCallRequest(name, arguments))
    if json:
        print_json({"name": outcome.name, **tool_options.outcome_record(outcome)})
    else:
        for line in outcome.text.splitlines():
            tell(line)
        # A ToolError is in the text already.
        if outcome.problem and not outcome.problem.startswith("ToolError: "):
            complain(outcome.problem)
    if outcome.status != "done":
        raise typer.Exit(1)
