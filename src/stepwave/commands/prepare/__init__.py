"""`stepwave prepare`: make training material. One function a step; what the steps do is in `stepwave.prepare`."""

from __future__ import annotations

import typer

from stepwave.commands.prepare import acoustics, corpus, ingest, nano, show, speak, tokenise, tool_dialogues, writing

app = typer.Typer(no_args_is_help=True, help="Make training material; every step can be stopped and run again.")

# Each line makes one function of this folder a step; the order is that of the help page.
app.command()(ingest.ingest)
app.command()(writing.scripts)
app.command()(writing.rewrite)
app.command()(writing.texts)
app.command()(writing.translations)
app.command("tool-dialogues")(tool_dialogues.tool_dialogues)
app.command()(speak.speak)
app.command()(acoustics.scenes)
app.command()(acoustics.measure)
app.command()(acoustics.captions)
app.command()(tokenise.tokenise)
app.command()(show.show)
app.command()(corpus.corpus)
app.command()(nano.nano)
