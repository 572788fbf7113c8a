"""Figures as pictures: histograms as SVG inside the page, tallies as tables with bars. Colours come from the page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stepwave.prepare.show.figures import Tally, quantile
from stepwave.prepare.show.markup import NOTHING, Html, bar, duration, escaped, folded, number, percent, table

MOST_BINS: Final = 24
MOST_ROWS: Final = 20
"""Rows of a tally that stand in the page; more are folded, up to `FOLDED_ROWS`."""
FOLDED_ROWS: Final = 1_000
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 360, 168, 40, 12, 26


@dataclass(frozen=True)
class Bin:
    """A bar of a histogram."""

    label: str
    """Written below the bar's left edge, or not at all."""
    reading: str
    """The same in words: `2 to 3 s`."""
    count: int


def bins(counted: Counter[int], step: float, widths: Sequence[int], unit: str) -> list[Bin]:
    """Bins of equal width from 0, at most `MOST_BINS` and an open last one.

    Args:
        counted: values in units of `step`.
        step: what a value of 1 means.
        widths: widths to choose from, in the same units, growing; the least is taken that gives few enough bins.
        unit: what stands behind the numbers.
    """
    most = quantile(counted, 1.0)
    usual = quantile(counted, 0.99)
    if most is None or usual is None:
        return []
    width = next((width for width in widths if usual // width < MOST_BINS), widths[-1])
    last = min(most // width, MOST_BINS)
    grouped: Counter[int] = Counter()
    for value, count in counted.items():
        grouped[min(value // width, last)] += count
    found = []
    for place in range(last + 1):
        low, high = place * width * step, (place + 1) * width * step
        is_open = place == last and most >= (last + 1) * width
        # Whole numbers have no "between": 10 to 19 words, but 1 to 1.5 s.
        upper = high - 1 if step == 1 else high
        span = f"{low:g}" if low == upper else f"{low:g} to {upper:g}"
        reading = f"{low:g} {unit} and more" if is_open else f"{span} {unit}"
        found.append(Bin(f"{low:g}", reading, grouped[place]))
    return found


def histogram(title: str, found: Sequence[Bin], what: str, unit: str) -> Html:
    """Bars with an axis, a title for those who can't see it, and its numbers as a folded table; `what` is counted."""
    if not found:
        return NOTHING
    peak = max(1, *(each.count for each in found))
    place = (_WIDTH - _LEFT - 4) / len(found)
    high = _HEIGHT - _TOP - _BOTTOM
    ground = _HEIGHT - _BOTTOM
    every = -(-len(found) // 7)
    parts = []
    for value in _ticks(peak):
        y = ground - value / peak * high
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - 4}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}</text>')
    for order, each in enumerate(found):
        x, size = _LEFT + order * place, each.count / peak * high
        parts.append(
            f'<rect x="{x + 0.5:.1f}" y="{ground - size:.1f}" width="{max(1.0, place - 1):.1f}" height="{size:.1f}">'
            f"<title>{escaped(each.reading)}: {number(each.count)} {escaped(what)}</title></rect>"
        )
        if order % every == 0:
            parts.append(f'<text x="{x + 0.5:.1f}" y="{ground + 14}">{escaped(each.label)}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - 4}" y1="{ground}" y2="{ground}"/>')
    parts.append(f'<text x="{_WIDTH - 4}" y="{_HEIGHT - 1}" text-anchor="end">{escaped(unit)}</text>')
    rows = [(escaped(each.reading), escaped(number(each.count))) for each in found]
    numbers = folded(Html("Numbers"), table(title, (unit, what), rows, (1,)), "numbers")
    return Html(
        f'<figure><figcaption>{escaped(title)}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escaped(title)}; the numbers follow">{"".join(parts)}</svg>{numbers}</figure>'
    )


def tally(title: str, name: str, what: str, counted: Tally, sound: bool = True, fill: bool = False) -> Html:
    """Names with their counts and sound, and a bar for the share of the sound, or of the counts without any.

    The longest bar fills its place where `fill` is set, for many small shares; otherwise the place means all.
    """
    total_seconds = sum(seconds for _, seconds, _ in counted)
    by_sound = sound and total_seconds > 0
    total = total_seconds if by_sound else counted.counts.total()

    def amount(entry: tuple[str, float, int]) -> float:
        return entry[1] if by_sound else entry[2]

    entries = sorted(counted, key=amount, reverse=True)
    whole = amount(entries[0]) / total if fill and entries else 1.0

    def row(entry: tuple[str, float, int]) -> tuple[Html, ...]:
        label, seconds, count = entry
        share = amount(entry) / total
        cells = (escaped(label, 120), escaped(number(count)), escaped(duration(seconds)), escaped(percent(share)))
        return (*(cells if sound else (cells[0], cells[1], cells[3])), bar(share / whole))

    heads = (name, what, "sound", "share", "") if sound else (name, what, "share", "")
    numbers = (1, 2, 3) if sound else (1, 2)
    shown = table(title, heads, map(row, entries[:MOST_ROWS]), numbers)
    more = entries[MOST_ROWS:FOLDED_ROWS]
    if not more:
        return shown
    left = len(entries) - MOST_ROWS
    seconds = sum(entry[1] for entry in entries[MOST_ROWS:])
    note = f"{number(left)} more, {duration(seconds)} together"
    note += f"; the first {number(len(more))} of them" if len(more) < left else ""
    return Html(shown + folded(escaped(note), table(f"{title}: more", heads, map(row, more), numbers), "more"))


def _ticks(peak: int) -> range:
    """Two to four round numbers up to `peak`."""
    step = 1
    while peak // step > 4:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return range(step, peak + 1, step)


def _short(value: float) -> str:
    if value < 10_000:
        return number(value)
    return f"{value / 1_000:.0f}k" if value < 1_000_000 else f"{value / 1_000_000:.1f}M"
