"""`stepwave tools`: what the model may call, for others to call too. One function a command."""

from __future__ import annotations

import typer

from stepwave.commands.tools import serve

app = typer.Typer(no_args_is_help=True, help="Tools that the model may call.")

# Each makes a command of a function in this folder; the order is that of the help page.
for function, name in ((serve.serve, None),):
    app.command(name)(function)
