"""A server's figures as pictures: what is waited for by speakers, its distribution, memory over time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from stepwave.evaluation.packages import package
from stepwave.serving.bench.figures import MEGABYTE, figures_of
from stepwave.serving.bench.measure import Level
from stepwave.signal.atomic import replace_file

_COLOURS: Final = ("#1b4965", "#2a9d8f", "#e9a23b", "#c8553d", "#7b5ea7", "#5f6c7b", "#a44a6a", "#3f7d20")


def check_drawing() -> None:
    """Raise MissingExtraError where pictures can't be drawn: asked before long work."""
    package("matplotlib.figure")


def draw(levels: Sequence[Level], folder: Path) -> None:
    """Write `first-audio.png`, `first-audio-curves.png` and, where the server can be seen, `memory.png` to `folder`.

    Raises MissingExtraError and OutputError.
    """
    _by_speakers(levels, folder / "first-audio.png")
    _curves(levels, folder / "first-audio-curves.png")
    seen = [level for level in levels if level.samples]
    if seen:
        _memory(seen, folder / "memory.png")


def _by_speakers(levels: Sequence[Level], path: Path) -> None:
    picture, axis = _picture()
    found = [figures_of(level) for level in levels]
    answered = [(one.speakers, one.first_audio) for one in found if one.first_audio is not None]
    for name, colour in zip(("p50", "p95", "p99"), _COLOURS, strict=False):
        heights = [getattr(spread, name) for _, spread in answered]
        axis.plot([speakers for speakers, _ in answered], heights, "o-", color=colour, label=name)
    for speakers, spread in answered:
        axis.annotate(f"{spread.count} turns", (speakers, spread.p50), (0, -14), textcoords="offset points", fontsize=7)
    axis.set_xticks([speakers for speakers, _ in answered])
    axis.set_xlabel("speakers at once")
    axis.set_ylabel("seconds from speech's end to first sound")
    axis.set_ylim(bottom=0)
    _finish(picture, axis, path)


def _curves(levels: Sequence[Level], path: Path) -> None:
    picture, axis = _picture()
    for index, level in enumerate(levels):
        answered = [turn.first_audio for turn in level.log.turns if turn.failure is None]
        waits = sorted(wait for wait in answered if wait is not None)
        if not waits:
            continue
        shares = np.arange(len(waits) + 1) / len(waits)
        label = f"{level.speakers} at once, {len(waits)} turns"
        axis.step([waits[0], *waits], shares, where="post", color=_COLOURS[index % len(_COLOURS)], label=label)
    axis.set_xlabel("seconds from speech's end to first sound")
    axis.set_ylabel("share of turns that waited no longer")
    axis.set_xlim(left=0)
    axis.set_ylim(0, 1.02)
    _finish(picture, axis, path)


def _memory(levels: Sequence[Level], path: Path) -> None:
    picture, axis = _picture()
    for index, level in enumerate(levels):
        colour = _COLOURS[index % len(_COLOURS)]
        times = np.array([sample.at for sample in level.samples])
        held = np.array([sample.usage.resident for sample in level.samples]) / MEGABYTE
        memory = figures_of(level).memory
        growth = None if memory is None else memory.megabytes_per_hour
        label = f"{level.speakers} at once"
        if growth is not None:
            label += f": {growth.value:+.1f} MB an hour ({growth.low:+.1f} to {growth.high:+.1f})"
        axis.plot(times / 60, held, color=colour, linewidth=1, label=label)
    axis.set_xlabel("minutes")
    axis.set_ylabel("resident memory of the server, MB")
    _finish(picture, axis, path)


def _picture() -> tuple[Any, Any]:
    # The object-oriented interface: it needs no display and leaves other pictures of the program alone.
    picture = package("matplotlib.figure").Figure(figsize=(7, 4.2), layout="constrained")
    package("matplotlib.backends.backend_agg").FigureCanvasAgg(picture)
    return picture, picture.subplots()


def _finish(picture: Any, axis: Any, path: Path) -> None:
    axis.grid(alpha=0.3)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=8)
    encoded = io.BytesIO()
    picture.savefig(encoded, format="png", dpi=120)
    replace_file(path, encoded.getvalue())
