"""`stepwave finetune`: a model learns from one's own recordings, by one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console
from rich.table import Table

from stepwave.commands import options
from stepwave.commands.console import Steps, print_json, tell

if TYPE_CHECKING:
    from stepwave.prepare.own_recordings import Task
    from stepwave.training.finetuning.own_model import Finetuned
    from stepwave.training.finetuning.recipe import Way

DEFAULT_MINUTES = 10.0


def finetune(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="Text file of lines file<TAB>text or file<TAB>text<TAB>speaker.")
    ],
    to: Annotated[Path, typer.Option(help="Model folder to write; its last name is also the name of the run.")],
    audio: Annotated[
        Path | None, typer.Option(help="Folder that the files in TABLE count from; TABLE's own unless told.")
    ] = None,
    model: options.Model = "nano",
    task: Annotated[str, typer.Option(help="What to learn: asr (write down), tts (read aloud), or both.")] = "asr,tts",
    minutes: Annotated[
        float | None, typer.Option(help=f"How long to train on this machine; {DEFAULT_MINUTES:g} unless told.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="How long to train, in steps, instead of minutes.")] = None,
    lora: Annotated[
        bool, typer.Option("--lora/--full", help="Learn low-rank changes, or change all weights of the language model.")
    ] = True,
    voice: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the speaker's voice; the last name of --to if not.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of the texts, as ISO 639-1.")] = "en",
    runs: Annotated[Path, typer.Option(help="Folder where the work is kept.")] = Path("runs/finetune"),
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: options.Threads = None,
    json: Annotated[bool, typer.Option("--json", help="End with one JSON object instead of tables.")] = False,
) -> None:
    """Fine-tune a model on your own recordings, and measure it before and after on some that are held out.

    Wav, flac, ogg or mp3, up to 25 s each. The model is written whole, with the speaker's voice. Stopped at any moment
    and started again, the same command goes on.

    \b
    Examples:
      stepwave finetune my.tsv --to my-model
      stepwave finetune my.tsv --to my-model --voice anna --minutes 30
      stepwave finetune calls.tsv --to calls-model --audio recordings --task asr --full --steps 300
    """
    from stepwave.facts.errors import ConfigError
    from stepwave.prepare.own_recordings import TASKS
    from stepwave.training.finetuning.own_model import OwnModel, make_own_model
    from stepwave.training.finetuning.run import Length
    from stepwave.training.memory import keep_memory_pages

    tasks = [each.strip() for each in task.split(",") if each.strip()]
    if not tasks or not set(tasks) <= set(TASKS):
        raise ConfigError(f"--task {task!r} came; wanted {' or '.join(TASKS)}, or both with a comma between them")
    length = Length(DEFAULT_MINUTES if minutes is None and steps is None else minutes, steps)
    chosen = cast("tuple[Task, ...]", tuple(tasks))
    way: Way = "lora" if lora else "full"
    wanted = OwnModel(table, to, audio, model, chosen, length, way, voice, runs, language, device, threads)
    keep_memory_pages()
    with Steps() as steps_shown:
        outcome = make_own_model(wanted, steps_shown if steps_shown.visible else _Lines(), tell)
    if json:
        _as_json(outcome)
    else:
        _show(outcome)


class _Lines:
    """Progress where stderr is no terminal: a line for each piece of work, beside those of training."""

    def now(self, what: str) -> None:
        """See `Shown`."""
        tell(what)

    def share(self, done: float) -> None:
        """See `Shown`; the beginning is enough."""


def _show(outcome: Finetuned) -> None:
    table = Table(box=None, pad_edge=False)
    for title, justify in (("on what was held out", "left"), ("before", "right"), ("after", "right")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for name in outcome.before:
        unit = " %" if name == "word error" else ""
        table.add_row(name, *(f"{figures[name]:.3g}{unit}" for figures in (outcome.before, outcome.after)))
    Console().print(table)
    for before, after in outcome.written[:3]:
        tell(f"said:   {before.text}")
        tell(f"before: {before.heard}")
        tell(f"after:  {after.heard}")
    for name in outcome.worse:
        tell(f"{name} rose: train for fewer steps, or on more recordings")
    if outcome.listen is not None:
        tell(f"to compare by ear: {outcome.listen}/1-recording.wav, 1-before.wav, 1-after.wav and so on")
    tell(f"the model: {outcome.model}, after {outcome.steps} steps")
    tell("now try:")
    tell(f"  stepwave transcribe YOUR.wav --model {outcome.model}")
    for name in outcome.voices[:3]:
        tell(f'  stepwave say "Good morning." --model {outcome.model} --voice "{name}" -o morning.wav')


def _as_json(outcome: Finetuned) -> None:
    print_json(
        {
            "model": str(outcome.model),
            "voices": list(outcome.voices),
            "steps": outcome.steps,
            "before": dict(outcome.before),
            "after": dict(outcome.after),
            "written": [
                {"said": before.text, "before": before.heard, "after": after.heard} for before, after in outcome.written
            ],
            "listen": None if outcome.listen is None else str(outcome.listen),
        }
    )
