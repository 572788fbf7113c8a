"""`stepwave evaluate`: run a suite on a model, score what a run left, and see which suites there are.

A first word that is no command is the name of a suite.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from stepwave.commands.evaluate import compare, listing, report, score, suite

_SUITE = "SUITE"
"""What the command that runs a suite is called where it is shown."""


class _Suites(TyperGroup):
    """Takes a first word that is no command for the name of a suite."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            return args[0], self.get_command(ctx, _SUITE), args[1:]
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name in super().list_commands(ctx) if name != _SUITE]


app = typer.Typer(
    cls=_Suites,
    no_args_is_help=True,
    rich_markup_mode=None,
    subcommand_metavar="SUITE|COMMAND [ARGS]...",
    help="Measure a model: ask it every item of a suite, store the answers, score them, show figures.\n\n"
    "`stepwave evaluate list` shows the suites, `stepwave evaluate SUITE --help` the options of a run.",
)

# Each makes a command of a function in this folder; the order is that of the help page.
for function, name in (
    (suite.run, _SUITE),
    (score.score, "score"),
    (report.report, "report"),
    (compare.compare, "compare"),
    (listing.list_suites, "list"),
):
    app.command(name)(function)
