"""The page and the Markdown tables of one or more runs: figures beside published ones, comparisons, every item.

The page is one file that asks the network for nothing: its template is `page.html` beside this file, with `page.css`
and `page.js`. What stands in a run is data of strangers: all of it is escaped, and a content security policy allows no
style and no script but the page's own, so that even a text that got through could do nothing.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from stepwave.evaluation.answers import make_folder
from stepwave.evaluation.comparing import MeasureComparison, compare_stored
from stepwave.evaluation.evaluate import RUN_FILE
from stepwave.evaluation.reporting import sections
from stepwave.evaluation.reporting.items import Items
from stepwave.evaluation.reporting.published import Source, published_tables
from stepwave.evaluation.reporting.radar import axes, drawn_as, radar
from stepwave.evaluation.reporting.sounds import Sounds, Way
from stepwave.evaluation.reporting.tables import escaped_markdown, labels, markdown, rows_of, suites_with_tables
from stepwave.evaluation.stored_run import StoredRun, read_run
from stepwave.facts.errors import ConfigError
from stepwave.prepare.show.markup import NOTHING, Html, escaped, folded, joined, number
from stepwave.signal.atomic import replace_file

PAGE: Final = "report.html"
MARKDOWN: Final = "report.md"
MOST_ITEMS: Final = 2_000
"""Of each check that are on the page by default."""
_MOST_COMPARED: Final = 4
"""Runs of a suite that are compared with each other, two by two; of more, each with the first."""
_HERE: Final = Path(__file__).parent
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Written:
    """What `write_page` wrote."""

    page: Path
    tables: Path
    embedded: int
    """Sounds inside the page."""
    linked: int
    missing: int


def write_page(
    runs: Sequence[Path],
    folder: Path,
    sounds: Way = "auto",
    most_items: int = MOST_ITEMS,
    progress: Callable[[float], None] | None = None,
) -> Written:
    """Write `report.html` and `report.md` about scored runs into `folder`, which is made if need be.

    Args:
        runs: folders of runs, of one suite or of several.
        sounds: whether sounds are embedded or linked where they lie; a page with links stays where it is.
        most_items: items of each check on the page; figures are of all.
        progress: told the share of the items that are written.

    Raises:
        ConfigError: a folder holds no scored run, is named twice, or is where the page shall go.
        DataError: a run is damaged.
        OutputError: the page can't be written.
    """
    if (folder / RUN_FILE).exists():
        raise ConfigError(f"{folder} holds a run, with a {MARKDOWN} of its own; choose another folder")
    if most_items < 1:
        raise ConfigError(f"got {most_items} items of each check; wanted at least 1")
    if len({path.resolve() for path in runs}) < len(runs) or not runs:
        raise ConfigError("name each run once, and at least one")
    stored = [read_run(path) for path in runs]
    players = Sounds(folder, sounds)
    page = _page(stored, players, most_items, progress)
    make_folder(folder)
    replace_file(folder / PAGE, page)
    replace_file(folder / MARKDOWN, written_tables(stored).encode("utf-8", "replace"))
    return Written(folder / PAGE, folder / MARKDOWN, players.embedded, players.linked, players.missing)


def written_tables(runs: Sequence[StoredRun]) -> str:
    """The report's tables with the runs in them, as Markdown; suites that nobody published figures of are left out."""
    names = labels(runs)
    parts = ["# Evaluation", ""]
    parts += [f"- {'SAMPLE, no scores: ' * run.sample}{escaped_markdown(_about(run, names[run]))}" for run in runs]
    for suite, tables in suites_with_tables(runs).items():
        parts += ["", f"## {suite}", ""]
        parts += [markdown(table, rows_of(table, runs, names)) for table in tables]
        if not tables:
            parts.append("Nobody has published figures of this suite; the run's own report.md has them.")
    sources = [f"{source.name}: {source.title}, {source.version}." for source in _sources()]
    return "\n".join([*parts, "", *sources, ""])


def _page(
    runs: Sequence[StoredRun], players: Sounds, most_items: int, progress: Callable[[float], None] | None
) -> bytes:
    script, style = (_HERE.joinpath(f"page.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    names = labels(runs)
    by_suite = {suite: [run for run in runs if run.suite == suite] for suite in suites_with_tables(runs)}
    items = {suite: Items(of_suite, names, players, most_items) for suite, of_suite in by_suite.items()}
    total, done = sum(len(each.anchors) for each in items.values()), 0

    def item_written() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done / total)

    written = joined(_suite(suite, by_suite[suite], names, items[suite], item_written) for suite in by_suite)
    places = joined(
        Html(f'<li><a href="#{escaped(suite)}{part}">{escaped(suite)}{name}</a></li>')
        for suite in by_suite
        for part, name in (("", ""), ("-items", " items"))
    )
    overview = _overview(runs, names)
    told = f"{number(players.embedded)} sounds are inside this file." if players.embedded else ""
    told += f" {number(players.linked)} are linked where they lay, relative to it." if players.linked else ""
    told += f" {number(players.missing)} could not be had." if players.missing else ""
    parts = {
        "policy": _digest(script),
        "style_policy": _digest(style),
        "media": "data: file: 'self'" if players.linked else "data:",
        "title": escaped(", ".join(by_suite), 200),
        "style": style,
        "script": script,
        "runs": _runs(runs, names),
        "navigation": places,
        "suites": overview + written,
        "sources": escaped("; ".join(f"{each.name} is {each.title}, {each.version}" for each in _sources())),
        "sounds": escaped(told.strip()),
    }
    template = _HERE.joinpath("page.html").read_text(encoding="utf-8")
    # One pass: what stands in the parts is never taken for a place.
    return _PLACE.sub(lambda place: parts[place[1]], template).encode("utf-8", "replace")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _runs(runs: Sequence[StoredRun], names: dict[StoredRun, str]) -> Html:
    rows = joined(
        Html(f"<li>{sections.SAMPLE if run.sample else NOTHING} {escaped(_about(run, names[run]), 600)}</li>")
        for run in runs
    )
    warning = (
        Html(
            '<p class="sample-note">Runs marked SAMPLE were asked a few items that come with the suite, to try the way '
            "from question to page. They measure nothing, so no figures of theirs are shown.</p>"
        )
        if any(run.sample for run in runs)
        else NOTHING
    )
    return Html(f'<ul class="note">{rows}</ul>{warning}')


def _about(run: StoredRun, name: str) -> str:
    """Who was asked what, and how it was scored, in a line."""
    facts = run.facts
    told = [
        f"{name}: suite {run.suite}, model {run.model}, revision {run.revision}, seed {facts.get('seed', 'not told')}"
    ]
    told += [f"{part} {facts[part]}" for part in ("listener", "judge") if facts.get(part)]
    told += [f"NOT MEASURED: {check} ({reason})" for check, reason in run.not_measured.items()]
    return "; ".join(told)


def _overview(runs: Sequence[StoredRun], names: dict[StoredRun, str]) -> Html:
    """The chart over all suites, where the runs have figures beside published ones."""
    laid = [(table, rows_of(table, runs, names)) for tables in suites_with_tables(runs).values() for table in tables]
    own = [names[run] for run in runs if not run.sample]
    found = axes(laid, own)
    if not found:
        return NOTHING
    drawn = ((drawn_as(row), row.kind) for _, rows in laid for row in rows)
    systems = dict.fromkeys((system, kind) for system, kind in drawn if system is not None)
    return Html(f'<section aria-label="All benchmarks"><h2>At a glance</h2>{radar(found, list(systems))}</section>')


def _suite(
    suite: str,
    runs: Sequence[StoredRun],
    names: dict[StoredRun, str],
    items: Items,
    item_written: Callable[[], None],
) -> Html:
    first, *more = suites_with_tables(runs)[suite] or (None,)
    tables = NOTHING
    if first is not None:
        details = joined(
            folded(escaped(table.title), sections.headline(table, rows_of(table, runs, names))) for table in more
        )
        tables = Html(
            f"<h3>Beside published figures</h3>{sections.headline(first, rows_of(first, runs, names))}{details}"
        )
    confusions = joined(sections.confusions(run, names[run]) for run in runs)
    compared = joined(
        sections.comparison(names[one], names[other], found, items.anchors) for one, other, found in _comparisons(runs)
    )
    failures = items.failures()
    parts = [
        tables,
        Html(f"<h3>Figures</h3>{sections.measures(runs, names)}"),
        _titled("Confusions", confusions),
        _titled("Differences between runs", compared),
        _titled("Failures", failures),
        Html(
            f'<section id="{escaped(suite)}-items"><h3>Items</h3>'
            f"{_filter(items, len(runs) > 1)}{items.written(item_written)}</section>"
        ),
    ]
    return Html(f'<section id="{escaped(suite)}"><h2>{escaped(suite)}</h2>{joined(parts)}</section>')


def _comparisons(
    runs: Sequence[StoredRun],
) -> list[tuple[StoredRun, StoredRun, tuple[MeasureComparison, ...]]]:
    pairs = combinations(runs, 2) if len(runs) <= _MOST_COMPARED else ((runs[0], run) for run in runs[1:])
    return [(one, other, compare_stored(one, other)) for one, other in pairs]


def _titled(title: str, content: Html) -> Html:
    return Html(f"<h3>{escaped(title)}</h3>{content}") if content else NOTHING


def _filter(items: Items, several: bool) -> Html:
    checks = joined(Html(f'<option value="{escaped(check)}">{escaped(check, 80)}</option>') for check in items.checks)
    differs = '<option value="differs">scored differently by the runs</option>' if several else ""
    return Html(
        '<form class="filter" role="search" aria-label="Filter the items" hidden>'
        f'<label>Check <select name="check"><option value="">all</option>{checks}</select></label>'
        '<label>Only <select name="only"><option value="">all</option><option value="wrong">wrong</option>'
        f'<option value="failed">failures</option>{differs}</select></label>'
        '<label class="grow">Text <input type="search" name="words" placeholder="words, ids, tags" autocomplete="off">'
        '</label><output name="found" aria-live="polite"></output></form>'
    )


def _sources() -> list[Source]:
    return list(dict.fromkeys(row.source for table in published_tables() for row in table.rows))
