"""`python -m stepwave.vllm`: make a folder that vLLM opens, and measure it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from stepwave.facts.errors import StepwaveError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Serve a model with vLLM.")


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="nano, a folder, or the hub id of a model in the local cache.")],
    to: Annotated[Path, typer.Option(help="Folder to write, whole or not at all.")],
    storage: Annotated[
        Literal["bfloat16", "float32"], typer.Option(help="Type of the weights, and what vLLM computes in.")
    ] = "bfloat16",
    replace: Annotated[bool, typer.Option("--replace", help="Replace what is in the folder already.")] = False,
) -> None:
    """Write the folder that `vllm serve` opens."""
    # Not above: with Numba, which these bring, vLLM 0.32 does not start in the process that measures.
    from stepwave.checkpoints.layouts import open_layout
    from stepwave.checkpoints.locate import locate
    from stepwave.vllm.folder import write_folder

    write_folder(open_layout(locate(model)), to, storage, replace=replace)
    typer.echo(f"vllm serve {to} --logits-processors stepwave.vllm.pattern:SpokenPattern --enable-scale-out")


@app.command()
def measure(
    folder: Annotated[Path, typer.Argument(help="A folder that `export` wrote.")],
    streams: Annotated[list[int] | None, typer.Option(help="Answers at a time; may be given several times.")] = None,
    tokens: Annotated[int, typer.Option(help="Length of each answer.")] = 128,
    dtype: Annotated[str, typer.Option(help="bfloat16, float32, or auto for that of the folder.")] = "auto",
) -> None:
    """Print how many tokens a second are written, for several answers at a time."""
    from stepwave.vllm.measure import measure as speeds

    for speed in speeds(folder, streams or [1, 4, 8], tokens, dtype):
        typer.echo(
            f"{speed.streams} at a time: {speed.rate:.1f} tokens/s, {speed.share_of_real_time:.2f} of real time each"
        )


def run() -> None:
    """Run the command; errors of the user's are one line on stderr and exit code 1."""
    try:
        app()
    except StepwaveError as error:
        sys.exit(f"stepwave: {error}")


if __name__ == "__main__":
    run()
