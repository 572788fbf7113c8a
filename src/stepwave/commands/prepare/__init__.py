"""`stepwave prepare`: make training material. One function a step; what the steps do is in `stepwave.prepare`."""

from __future__ import annotations

import typer

from stepwave.commands.prepare import (
    acoustics,
    corpus,
    ingest,
    nano,
    preferences,
    recorded,
    show,
    speak,
    tokenise,
    tool_dialogues,
    voices,
    writing,
)

app = typer.Typer(no_args_is_help=True, help="Make training material; every step can be stopped and run again.")

# Each makes a step of a function in this folder; the order is that of the help page.
for function, name in (
    (ingest.ingest, None),
    (recorded.segment, None),
    (recorded.transcribe, None),
    (recorded.filter_recordings, "filter"),
    (recorded.tasks, None),
    (recorded.interleave, None),
    (writing.scripts, None),
    (writing.rewrite, None),
    (writing.texts, None),
    (writing.translations, None),
    (tool_dialogues.tool_dialogues, None),
    (speak.speak, None),
    (acoustics.scenes, None),
    (acoustics.measure, None),
    (acoustics.captions, None),
    (preferences.samples, None),
    (preferences.preferences, None),
    (voices.voices, None),
    (tokenise.tokenise, None),
    (show.show, None),
    (corpus.corpus, None),
    (nano.nano, None),
):
    app.command(name)(function)
