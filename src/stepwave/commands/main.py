"""The program `stepwave`: its commands, and what becomes of errors.

Every command is a function in a file of its own; it imports what it needs when it runs, so that help comes at once.
Exit codes: 0 done, 1 something could not be done (one line on stderr says what), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from stepwave import __version__
from stepwave.commands import (
    bench,
    chat,
    evaluate,
    finetune,
    models,
    prepare,
    reply,
    say,
    serve,
    tools,
    train,
    transcribe,
    voices,
)
from stepwave.commands.console import complain
from stepwave.facts.errors import StepwaveError

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended."""


class _Group(TyperGroup):
    """Ends a command that fails with one line and an exit code, whatever it was doing."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except StepwaveError as error:
            complain(str(error))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            complain("interrupted; no unfinished file is left behind")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="stepwave",
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stepwave {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Talk with a speech model on this computer.

    \b
    Examples:
      stepwave reply question.wav            answer a recorded question into answer.wav
      stepwave transcribe memo.wav           write down what is said
      stepwave say "Hello." -o hello.wav     read a text aloud
      stepwave serve                         a speech server, and a page to talk to it
      stepwave models list                   see which models are here

    `stepwave COMMAND --help` tells more about each.
    """


# Each line makes one file of this folder a command; the order is that of the help page.
app.command()(reply.reply)
app.command()(transcribe.transcribe)
app.command()(say.say)
app.command()(chat.chat)
app.command()(serve.serve)
app.add_typer(tools.app, name="tools")
app.add_typer(models.app, name="models")
app.add_typer(voices.app, name="voices")
app.add_typer(prepare.app, name="prepare")
app.command()(train.train)
app.command()(finetune.finetune)
app.command()(train.pack)
app.add_typer(bench.app, name="bench")
app.add_typer(evaluate.app, name="evaluate")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the program on `arguments` (those of the process by default) and return its exit code."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="stepwave")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
