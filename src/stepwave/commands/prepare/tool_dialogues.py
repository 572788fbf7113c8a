"""`stepwave prepare tool-dialogues`: scripts in which the assistant calls tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from stepwave.commands.prepare.running import OnRay, Seed, StoredAs, To, Workers, run


def tool_dialogues(
    to: To,
    per_tool: Annotated[
        int, typer.Option(help="Scripts that ask for each tool; as many that do not are written as well.")
    ] = 1_000,
    tool: Annotated[
        list[str] | None,
        typer.Option(help="Only this standard tool (audio_search, date_time, weather, web_search); repeatable."),
    ] = None,
    custom: Annotated[
        Path | None, typer.Option(help="JSON file of OpenAI-style tool schemas to write for as well.")
    ] = None,
    names: Annotated[
        Literal["own", "benchmark"],
        typer.Option(help="What the standard tools are called: plainly, or as in StepEval-Audio-Toolcall."),
    ] = "own",
    seed: Seed = 0,
    workers: Workers = None,
    ray: OnRay = False,
    codec: StoredAs = "flac",
) -> None:
    """Write dialogues in which the assistant calls tools, as scripts to be spoken by a later step.

    Example: stepwave prepare tool-dialogues --to runs/tools --per-tool 1000 --custom my_tools.json
    """
    from stepwave.prepare.tool_dialogues import ToolDialogues, read_custom_tools
    from stepwave.text.standard_tools import STANDARD_TOOLS

    schemas = read_custom_tools(custom) if custom else ()
    step = ToolDialogues(per_tool, seed, tuple(tool or STANDARD_TOOLS), names, schemas)
    run(step, to, workers, ray, codec)
