"""The sections of the page but for the sample: what is in the manifests, and what each step says of itself."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from stepwave.prepare.show.accounts import Account
from stepwave.prepare.show.charts import Bin, bins, histogram, tally
from stepwave.prepare.show.errors import WordErrorCounts
from stepwave.prepare.show.figures import TENTHS, UNNAMED, Figures, Tally, quantile, source_and_licence
from stepwave.prepare.show.markup import (
    NOTHING,
    Html,
    bar,
    duration,
    escaped,
    folded,
    joined,
    number,
    percent,
    storage,
    table,
)
from stepwave.prepare.show.survey import Survey, Surveyed

_SECOND_WIDTHS: Final = (1, 2, 5, 10, 20, 50, 100, 300, 600, 3_000, 6_000, 36_000)
"""Of bins, in tenths of a second."""
_WORD_WIDTHS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000)
_ERROR_WIDTH: Final = 0.05
_ERROR_BINS: Final = 11
"""No error at all, ten bins of 5 %, and more than that."""


def headline(survey: Survey) -> Html:
    """The figures that people ask for first."""
    figures = survey.total
    kinds = len(figures.kinds)
    shown = [("records", number(figures.records), f"of {kinds} kind{'s' * (kinds != 1)}")]
    clips = f"in {number(len(figures.different))} clips"
    if len(figures.different) < figures.clips:
        clips += f"; {duration(figures.seconds)} with what records share"
    shown.append(("sound", duration(figures.different_seconds), clips))
    if figures.top_voice is not None:
        name, share = figures.top_voice
        shown.append(("voices", number(figures.named_voices), f"{percent(share)} of sound: {name}"))
    if figures.turn_words:
        shown.append(("words", number(figures.words), f"in {number(figures.turn_words.total())} turns"))
    if figures.errors.rate is not None:
        shown.append(("heard wrongly", percent(figures.errors.rate, 2), _interval(figures.errors)))
    rows, lost = _losses([each.account for each in survey.manifests])
    if rows:
        shown.append(("dropped", percent(lost / rows), f"{number(lost)} of {number(rows)} rows"))
    return joined(
        Html(f"<div><dt>{escaped(name)}</dt><dd><b>{escaped(value)}</b><span>{escaped(note, 80)}</span></dd></div>")
        for name, value, note in shown
    )


def content(figures: Figures) -> Html:
    """Kinds, languages, splits, sources, and what else was counted by name."""
    tables = [
        tally("Kinds", "kind", "records", figures.kinds),
        tally("Languages", "language", "turns", figures.languages),
        tally("Splits", "split", "records", figures.splits),
        tally("Emotions asked for", "emotion", "turns", figures.emotions),
        tally("Tools called", "tool", "calls", figures.tools, sound=False),
    ]
    sources = table(
        "Sources and licences",
        ("source", "licence", "records", "sound"),
        (
            (*(escaped(part, 200) for part in source_and_licence(name)), escaped(number(count)), escaped(duration(s)))
            for name, s, count in figures.sources
        ),
        (2, 3),
    )
    notes = []
    if figures.unmade:
        notes.append(f"{number(figures.unmade)} spoken turns have no sound yet.")
    if figures.unmeasured:
        notes.append(f"{number(figures.unmeasured)} clips have no measured length and are in no sum of sound.")
    shown = joined(Html(f'<p class="note">{escaped(note)}</p>') for note in notes)
    return Html(f'<div class="grid">{joined(tables)}{sources}</div>{shown}')


def voices(figures: Figures) -> Html:
    """Sound by voice; shares are of the sound whose voice is known."""
    named = Tally()
    parts = []
    for name, seconds, count in figures.voices:
        if name == UNNAMED:
            said = f"{number(count)} clips, {duration(seconds)}, have no voice named; they are in none of these shares."
            parts.append(Html(f'<p class="note">{escaped(said)}</p>'))
        else:
            named.add(name, seconds, count)
    return joined([tally("Sound by voice", "voice", "clips", named, fill=True), *parts]) or Html(
        '<p class="note">No record has sound.</p>'
    )


def lengths(figures: Figures) -> Html:
    """Histograms of clips' seconds and turns' words."""
    seconds = bins(figures.clip_tenths, 1 / TENTHS, _SECOND_WIDTHS, "s")
    words = bins(figures.turn_words, 1, _WORD_WIDTHS, "words")
    charts = [
        histogram(f"Clips by length{_middle(figures.clip_tenths, 1 / TENTHS, 's')}", seconds, "clips", "seconds"),
        histogram(f"Turns by number of words{_middle(figures.turn_words, 1, 'words')}", words, "turns", "words"),
    ]
    return (
        Html(f'<div class="charts">{joined(charts)}</div>')
        if seconds or words
        else Html('<p class="note">There is neither sound nor text.</p>')
    )


def errors(figures: Figures) -> Html:
    """What the listening check heard in the clips that were kept."""
    counted = figures.errors
    if counted.rate is None:
        return Html('<p class="note">No clip was listened to.</p>')
    grouped: Counter[int] = Counter()
    for (wrong, words), count in counted.clips.items():
        share = wrong / words if words else float(wrong > 0)
        grouped[0 if wrong == 0 else min(_ERROR_BINS, 1 + int(share / _ERROR_WIDTH - 1e-9))] += count
    found = [Bin("0", "no word", grouped[0])]
    for place in range(1, _ERROR_BINS):
        low, high = round(5 * (place - 1)), round(5 * place)
        found.append(Bin(str(high), f"over {low} to {high} %", grouped[place]))
    found.append(Bin("more", "over 50 %", grouped[_ERROR_BINS]))
    said = (
        f"{number(counted.heard)} of the clips kept were listened to. {percent(counted.rate, 2)} of their words were "
        f"heard wrongly ({_interval(counted)}, 95 % bootstrap over clips); {percent(grouped[0] / counted.heard)} of "
        "the clips without any error."
    )
    chart = histogram("Clips by the share of their words heard wrongly", found, "clips", "% of words")
    return Html(f'<p>{escaped(said)}</p><div class="charts">{chart}</div>')


def manifests(survey: Survey) -> Html:
    """One row for each manifest and their sums, then each one's account."""
    each = joined(_manifest(one, len(survey.manifests) == 1) for one in survey.manifests)
    if len(survey.manifests) == 1:
        return each
    heads = ("manifest", "records", "sound", "voices", "top voice", "median clip", "heard wrongly", "dropped")
    rows = [_row(one.path, one.figures, [one.account]) for one in survey.manifests]
    rows.append(_row("together", survey.total, [one.account for one in survey.manifests]))
    return Html(f'<div class="sums">{table("Manifests", heads, rows, range(1, 8))}</div>{each}')


def _row(name: str, figures: Figures, accounts: list[Account]) -> tuple[Html, ...]:
    rows, lost = _losses(accounts)
    half = quantile(figures.clip_tenths, 0.5)
    cells = (
        name,
        number(figures.records),
        duration(figures.seconds),
        number(figures.named_voices),
        percent(figures.top_voice[1]) if figures.top_voice else "–",
        "–" if half is None else duration(half / TENTHS),
        "–" if figures.errors.rate is None else percent(figures.errors.rate, 2),
        percent(lost / rows) if rows else "–",
    )
    return tuple(escaped(cell, 300) for cell in cells)


def _manifest(one: Surveyed, alone: bool) -> Html:
    figures, account = one.figures, one.account
    facts = [("records", number(figures.records)), ("sound", duration(figures.seconds))]
    facts += [("kinds", ", ".join(f"{number(count)} {name}" for name, _, count in figures.kinds) or "none")]
    facts += [("voices", number(figures.named_voices))]
    if figures.top_voice:
        facts.append(("most frequent voice", f"{figures.top_voice[0]}, {percent(figures.top_voice[1])} of the sound"))
    if figures.errors.rate is not None:
        facts.append(("heard wrongly", f"{percent(figures.errors.rate, 2)} of words ({_interval(figures.errors)})"))
    facts += list(_costs(account))
    cells = table("Figures", ("figure", "value"), ((escaped(name), escaped(value, 300)) for name, value in facts))
    settings = NOTHING
    if account.settings:
        lines = ((escaped(name, 80), escaped(_setting(value), 300)) for name, value in account.settings.items())
        settings = folded(Html("Settings of the step"), table("Settings", ("setting", "value"), lines), "settings")
    reasons = _reasons(account)
    step = f"step {account.step}" if account.step else "no report beside it"
    body = f'<div class="account"><div>{cells}{settings}</div><div>{reasons}</div></div>'
    title = f'<code>{escaped(one.path, 300)}</code> <span class="step">{escaped(step)}</span>'
    return Html(f'<details class="manifest"{" open" * alone}><summary><h3>{title}</h3></summary>{body}</details>')


def _costs(account: Account) -> Iterator[tuple[str, str]]:
    costs: tuple[tuple[str, float | None, Callable[[float], str]], ...] = (
        ("rows worked at", account.rows, number),
        ("processor time", account.cpu_seconds, duration),
        ("time of all workers", account.wall_seconds, duration),
        ("storage", account.bytes, storage),
    )
    return ((name, written(value)) for name, value, written in costs if value is not None)


def _reasons(account: Account) -> Html:
    parts = []
    lost = sum(account.dropped.values())
    if lost:
        rows = []
        for reason, count in sorted(account.dropped.items(), key=lambda each: -each[1]):
            examples = joined(
                Html(f"<li><code>{escaped(name, 80)}</code> {escaped(detail, 240)}</li>")
                for name, detail in account.examples.get(reason, ())
            )
            shown = folded(escaped(reason, 200), Html(f"<ul>{examples}</ul>")) if examples else escaped(reason, 200)
            rows.append((shown, escaped(number(count)), escaped(percent(count / lost)), bar(count / lost)))
        parts.append(table("Rows dropped, by reason", ("reason", "rows", "share", ""), rows, (1, 2)))
    tries = sum(account.retried.values())
    if tries:
        again = (
            (escaped(reason, 200), escaped(number(count)), escaped(percent(count / tries)), bar(count / tries))
            for reason, count in sorted(account.retried.items(), key=lambda each: -each[1])
        )
        parts.append(table("Tries thrown away, by reason", ("reason", "tries", "share", ""), again, (1, 2)))
    return joined(parts) or Html('<p class="note">Nothing was dropped or tried again, as far as is reported.</p>')


def _losses(accounts: list[Account]) -> tuple[int, int]:
    """Rows worked at and rows dropped, of the steps that say both."""
    known = [account for account in accounts if account.rows]
    return sum(account.rows or 0 for account in known), sum(sum(account.dropped.values()) for account in known)


def _interval(counted: WordErrorCounts) -> str:
    interval = counted.interval()
    return "" if interval is None else f"{percent(interval[0], 2)} to {percent(interval[1], 2)}"


def _middle(counted: Counter[int], unit: float, name: str) -> str:
    half = quantile(counted, 0.5)
    return "" if half is None else f" (half up to {half * unit:g} {name})"


def _setting(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
