"""A run's figures as a picture: error rates as bars with intervals and targets, the times of each reply as dots."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from stepwave.evaluation.figures import Figure, ScoredItem
from stepwave.evaluation.packages import package
from stepwave.signal.atomic import replace_file

_REACHED: Final = "#4c8c5a"
_MISSED: Final = "#c0504d"
_PLAIN: Final = "#7f8fa6"


def draw(figures: Sequence[Figure], scores: Sequence[ScoredItem], path: Path, title: str) -> None:
    """Write a PNG to `path`. Green bars reach their targets, red ones don't, grey ones have none.

    Raises MissingExtraError and OutputError.
    """
    # The object-oriented interface: it needs no display and leaves other pictures of the program alone.
    canvas_of = package("matplotlib.backends.backend_agg").FigureCanvasAgg
    picture = package("matplotlib.figure").Figure(figsize=(11, 1.8 + 0.36 * max(8, len(figures))), layout="constrained")
    canvas_of(picture)
    bars, dots = picture.subplots(1, 2, width_ratios=(3, 2))
    _draw_rates([f for f in figures if f.unit in ("%", "points") and math.isfinite(f.value)], bars)
    _draw_times(scores, dots)
    picture.suptitle(title)
    encoded = io.BytesIO()
    picture.savefig(encoded, format="png", dpi=100)
    replace_file(path, encoded.getvalue())


def _draw_rates(rates: Sequence[Figure], axis: Any) -> None:
    for place, figure in enumerate(rates):
        colour = {None: _PLAIN, True: _REACHED, False: _MISSED}[figure.met]
        axis.barh(place, figure.value, color=colour, height=0.6)
        if figure.interval is not None:
            axis.plot([figure.interval.low, figure.interval.high], [place, place], color="black", linewidth=1.2)
        if figure.target is not None:
            axis.plot([figure.target.limit] * 2, [place - 0.42, place + 0.42], color="black", linestyle=":")
    axis.set_yticks(range(len(rates)), [f"{figure.check}\n{figure.name}" for figure in rates], fontsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("percent or points; line: 95 % interval, dotted: target")
    axis.grid(axis="x", alpha=0.3)


def _draw_times(scores: Sequence[ScoredItem], axis: Any) -> None:
    times = _by_item(scores, "first sound, median")
    factors = _by_item(scores, "real-time factor, median")
    both = [item for item in times if item in factors]
    axis.scatter([times[item] for item in both], [factors[item] for item in both], color=_PLAIN)
    axis.axhline(1.0, color="black", linestyle=":", linewidth=1)
    axis.set_xlim(0, 1.15 * max((times[item] for item in both), default=1.0))
    axis.set_ylim(0, 1.15 * max([1.0, *(factors[item] for item in both)]))
    axis.set_xlabel("first sound, seconds after the question's end")
    axis.set_ylabel("real-time factor of the whole reply")
    axis.set_title("one dot per reply" if both else "speed was not measured", fontsize=9)
    axis.grid(alpha=0.3)


def _by_item(scores: Sequence[ScoredItem], measure: str) -> dict[str, float]:
    return {
        each.item: each.score.amount / each.score.per
        for each in scores
        if each.measure == measure and each.score is not None
    }
