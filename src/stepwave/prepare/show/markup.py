"""The smallest parts of the page: escaped texts, numbers as people read them, tables with bars.

Whatever comes from a manifest passes through `escaped`; functions that return HTML say so by `Html`.
"""

import html
from collections.abc import Iterable, Sequence
from typing import NewType

Html = NewType("Html", str)
"""Text that is HTML already; a plain `str` is data and has to be escaped."""

NOTHING = Html("")


def escaped(value: object, limit: int | None = None) -> Html:
    """Data as HTML; what is longer than `limit` characters is cut, and said to be."""
    text = str(value)
    if limit is not None and len(text) > limit:
        return Html(
            f'{html.escape(text[:limit])}<span class="cut">… shortened, {number(len(text))} characters in all</span>'
        )
    return Html(html.escape(text))


def joined(parts: Iterable[Html], between: str = "") -> Html:
    """Parts one after another."""
    return Html(between.join(parts))


def number(value: float) -> str:
    """1234567 as 1,234,567; other than whole ones with a decimal."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def percent(share: float, digits: int = 1) -> str:
    """0.123 as 12.3 %; the space doesn't break."""
    return f"{100 * share:.{digits}f}\u00a0%"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever says it in few digits."""
    if seconds < 59.95:
        return f"{seconds:.1f}\u00a0s"
    if seconds < 3597:
        return f"{seconds / 60:.1f}\u00a0min"
    return f"{seconds / 3600:,.2f}\u00a0h" if seconds < 360_000 else f"{seconds / 3600:,.0f}\u00a0h"


def storage(size: float) -> str:
    """Bytes in decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1_000:
            return f"{size:.0f}\u00a0{unit}" if unit == "B" else f"{size:.1f}\u00a0{unit}"
        size /= 1_000
    return f"{size:,.1f}\u00a0TB"


def bar(share: float) -> Html:
    """A bar as long as `share`, 0 to 1, of its place; it repeats a number that stands beside it."""
    return Html(f'<span class="bar" aria-hidden="true"><span style="width:{100 * min(1.0, share):.2f}%"></span></span>')


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[str | Html]], numbers: Sequence[int] = ()
) -> Html:
    """A table whose cells are HTML already; `numbers` are the columns that hold figures. Empty without rows."""
    body = []
    for row in rows:
        cells = [
            f'<td class="number">{cell}</td>' if place in numbers else f"<td>{cell}</td>"
            for place, cell in enumerate(row)
        ]
        cells[0] = f'<th scope="row">{row[0]}</th>'
        body.append(f"<tr>{''.join(cells)}</tr>")
    if not body:
        return NOTHING
    head = "".join(
        f'<th scope="col"{" class=number" if place in numbers else ""}>{escaped(name)}</th>'
        for place, name in enumerate(heads)
    )
    return Html(
        f'<div class="wide"><table><caption>{escaped(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def folded(summary: Html, content: Html, kind: str = "") -> Html:
    """Content that opens when asked for."""
    return Html(f'<details class="{kind}"><summary>{summary}</summary>{content}</details>')
