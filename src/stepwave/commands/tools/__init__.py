"""`stepwave tools`: seeing which there are, calling one, an index to search, serving them. See `stepwave.tools`."""

from __future__ import annotations

import typer

from stepwave.commands.tools import call, index, listing, serve

app = typer.Typer(no_args_is_help=True, help="See, try and set up the tools that a model may call.")

# Each makes a command of a function in this folder; the order is that of the help page.
for function, name in (
    (listing.list_tools, "list"),
    (call.call, None),
    (index.index, None),
    (serve.serve, None),
):
    app.command(name)(function)
