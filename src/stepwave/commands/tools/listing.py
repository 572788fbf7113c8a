"""`stepwave tools list`: what a model may call."""

from __future__ import annotations

from typing import Annotated

import typer

from stepwave.commands.console import print_json, tell


def list_tools(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per tool instead of text.")] = False,
) -> None:
    """Show the tools that can be used here, the packages they come from, and what others lack.

    Ends with exit code 1 where a tool that is installed or set up cannot be used.
    """
    from stepwave.tools.registry import OWN, find_tools

    found = find_tools()
    for name, tool in found.tools.items():
        package = found.packages[name]
        if json:
            print_json({"name": name, "description": tool.description, "package": package, "sensitive": tool.sensitive})
        else:
            asks = " (asks before each call)" if tool.sensitive else ""
            tell(f"{name}{asks}, from {package}: {tool.description}")
    for name, needs in found.absent.items():
        if json:
            print_json({"name": name, "package": OWN, "needs": needs})
        else:
            tell(f"{name}, from {OWN}: not set up; {needs}")
    for problem in found.problems:
        if json:
            print_json({"problem": problem})
        else:
            tell(f"problem: {problem}")
    if found.problems:
        raise typer.Exit(1)
