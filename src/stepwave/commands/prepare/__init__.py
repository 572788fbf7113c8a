"""`stepwave prepare`: make training material. One function a step; what the steps do is in `stepwave.prepare`."""

from __future__ import annotations

import typer

from stepwave.commands.prepare import nano

app = typer.Typer(no_args_is_help=True, help="Make training material; every step can be stopped and run again.")


@app.callback()
def _group() -> None:
    """Keep a single step a sub-command."""


# Each line makes one function of this folder a step; the order is that of the help page.
app.command()(nano.nano)
