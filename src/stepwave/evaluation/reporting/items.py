"""The items of a suite to read and to listen to: what was asked, what each run answered, how that was scored."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stepwave.evaluation.answers import Answer
from stepwave.evaluation.figures import ScoredItem, scale_of
from stepwave.evaluation.items import Item, Turn
from stepwave.evaluation.reporting.differences import MOST_CHARACTERS, marked
from stepwave.evaluation.reporting.sections import shown_value
from stepwave.evaluation.reporting.sounds import Sounds
from stepwave.evaluation.stored_run import StoredRun
from stepwave.prepare.show.markup import NOTHING, Html, escaped, folded, joined, number, table

_MOST_FAILED: Final = 50
"""Items that are named for one reason of failing."""


class Items:
    """Writes the items of the runs of one suite, each with all of the runs' answers."""

    def __init__(self, runs: Sequence[StoredRun], names: Mapping[StoredRun, str], sounds: Sounds, most: int) -> None:
        self._runs, self._names, self._sounds = runs, names, sounds
        self._scores: dict[tuple[StoredRun, str, str], list[ScoredItem]] = {}
        for run in runs:
            for each in run.scores:
                self._scores.setdefault((run, each.check, each.item), []).append(each)
        self._units = {
            (run, figure.check, figure.name): figure.unit for run in runs for figure in run.figures if not figure.group
        }
        checks = dict.fromkeys(check for run in runs for check in run.checks)
        self._listed = {
            check: list(dict.fromkeys(item for run in runs for item in run.answers.get(check, {}))) for check in checks
        }
        self._most = most
        places = [(check, item) for check, items in self._listed.items() for item in items[:most]]
        self.anchors = {place: f"{runs[0].suite}-item-{order}" for order, place in enumerate(places)}
        """Where on the page an item stands, by check and id."""

    @property
    def checks(self) -> list[str]:
        """Checks with items."""
        return [check for check, items in self._listed.items() if items]

    def written(self, done: Callable[[], None]) -> Html:
        """Every item, check by check, up to the bound for each; `done` is called after each of them."""
        parts = []
        for check in self.checks:
            items = self._listed[check]
            articles = []
            for item in items[: self._most]:
                articles.append(self._article(check, item))
                done()
            left = len(items) - self._most
            note = f'<p class="note">{number(left)} more items are not on this page.</p>' if left > 0 else ""
            parts.append(
                Html(
                    f'<section class="check" aria-label="{escaped(check)}"><h4>{escaped(check)} '
                    f"<small>{number(len(items))} items</small></h4>{joined(articles)}{note}</section>"
                )
            )
        return joined(parts)

    def failures(self) -> Html:
        """What has no score, by run, check and reason, apart from everything that was only wrong."""
        reasons: dict[tuple[str, str, str, str], list[str]] = {}
        for run in self._runs:
            for each in run.scores:
                if each.score is None:
                    key = (self._names[run], each.check, each.measure, each.error)
                    reasons.setdefault(key, []).append(each.item)
        rows = (
            (
                escaped(name, 80),
                escaped(check, 80),
                escaped(measure, 80),
                escaped(number(len(items))),
                Html(f"{escaped(reason or 'no reason told', 500)}{self._named(check, items)}"),
            )
            for (name, check, measure, reason), items in reasons.items()
        )
        return table("Failed: in no average, and never zero", ("run", "check", "measure", "items", "why"), rows, (3,))

    def _named(self, check: str, items: Sequence[str]) -> Html:
        links = joined(
            (
                Html(f'<a href="#{self.anchors[check, item]}">{escaped(item, 80)}</a>')
                if (check, item) in self.anchors
                else escaped(item, 80)
                for item in items[:_MOST_FAILED]
            ),
            ", ",
        )
        left = len(items) - _MOST_FAILED
        more = f" and {number(left)} more" if left > 0 else ""
        return folded(Html("which"), Html(f"<p>{links}{more}</p>"))

    def _article(self, check: str, name: str) -> Html:
        answers = [(run, run.answers[check][name]) for run in self._runs if name in run.answers.get(check, {})]
        scored = {run: self._scores.get((run, check, name), []) for run, _ in answers}
        wrong = any(self._wrong(run, each) for run, found in scored.items() for each in found)
        failed = any(answer.status == "failed" for _, answer in answers) or any(
            each.score is None for found in scored.values() for each in found
        )
        values = {tuple(_amount(each) for each in found) for found in scored.values()}
        flags = [("wrong", wrong), ("failed", failed), ("differs", len(values) > 1)]
        told = joined(Html(f'<span class="flag {flag}">{flag}</span>') for flag, holds in flags if holds)
        anchor = self.anchors[check, name]
        data = " ".join(f'data-{flag}="{int(holds)}"' for flag, holds in flags)
        return Html(
            f'<article class="item" id="{anchor}" data-check="{escaped(check)}" {data} aria-labelledby="{anchor}-id">'
            f'<header><h5 id="{anchor}-id">{escaped(name, 200)}</h5>{told}</header>'
            f"{self._question(answers[0][1].item)}"
            f"{joined(self._answer(run, answer, scored[run]) for run, answer in answers)}</article>"
        )

    def _question(self, item: Item) -> Html:
        turns = joined(self._turn(turn) for turn in item.turns)
        facts = [(name, value) for name, value in item.tags.items()]
        facts += [("label", item.label)] if item.label else []
        facts += [("options", " / ".join(item.options))] if item.options else []
        facts += [("right", " / ".join(item.references))] if item.references else []
        facts += [("right calls", "; ".join(f"{call.name} {_json(call.arguments)}" for call in item.calls))] * bool(
            item.calls
        )
        sound = NOTHING if item.sound is None else self._sounds.question(item.sound, f"question {item.id}")
        text = " ".join(filter(None, (item.text, item.instruction)))
        return Html(turns + _said("asked", "asked", _text(text, item.language), sound, _pairs(facts)))

    def _turn(self, turn: Turn) -> Html:
        sound = NOTHING if turn.sound is None else self._sounds.question(turn.sound, f"earlier turn, {turn.side}")
        calls = joined(_call(call.name, _json(call.arguments)) for call in turn.calls)
        return _said("earlier", turn.side, _text(turn.text, ""), calls, sound)

    def _answer(self, run: StoredRun, answer: Answer, scored: Sequence[ScoredItem]) -> Html:
        parts = []
        for place, earlier in enumerate(answer.earlier, 1):
            parts.append(_labelled(f"round {place}", earlier.text))
            if earlier.sound is not None:
                described = f"round {place} of {self._names[run]} to {answer.item.id}"
                parts.append(self._sounds.answer(run.folder, earlier.sound, described))
        parts.append(_text(answer.text, answer.item.answered_in))
        parts += [_labelled("heard", answer.heard)] if answer.heard else []
        parts += [_call(call.name, call.arguments) for call in answer.calls]
        described = f"answer of {self._names[run]} to {answer.item.id}"
        if answer.sound is not None:
            parts.append(self._sounds.answer(run.folder, answer.sound, described))
        if answer.original is not None:
            original = self._sounds.answer(run.folder, answer.original, f"what {described} is compared with")
            parts.append(
                Html(f'<div class="original"><span>compared with</span>{original}</div>') if original else original
            )
        if answer.status == "failed":
            parts.append(Html(f'<p class="missing">Failed: {escaped(answer.error or "no reason told", 500)}</p>'))
        if answer.status == "cut":
            parts.append(Html('<p class="note">It ran into the limit of length.</p>'))
        parts.append(self._told(run, scored))
        parts.append(_texts(scored, answer.item.answered_in))
        return _said("answered", self._names[run], *parts)

    def _told(self, run: StoredRun, scored: Sequence[ScoredItem]) -> Html:
        facts = []
        for each in scored:
            amount = _amount(each)
            if each.score is None:
                facts.append((each.measure, f"failed: {each.error}"))
            elif amount is not None:
                unit = self._units.get((run, each.check, each.measure), "")
                facts.append((each.measure, shown_value(amount * scale_of(unit), unit)))
                facts += [("why", each.score.reason)] if each.score.reason else []
                facts += [("named", each.score.predicted)] if each.score.predicted else []
        return _pairs(facts)

    def _wrong(self, run: StoredRun, each: ScoredItem) -> bool:
        """Whether a score says that the answer is not all right; only where a share of something is scored."""
        unit = self._units.get((run, each.check, each.measure), "")
        amount = _amount(each)
        if amount is None or unit not in ("%", "points"):
            return False
        better = run.better(each.check, each.measure)
        return amount > 0 if better == "lower" else better == "higher" and unit == "%" and amount < 1


def _amount(each: ScoredItem) -> float | None:
    """What the item was scored, per what it is per; None where it has no score."""
    if each.score is None or not each.score.per or math.isnan(each.score.amount):
        return None
    return each.score.amount / each.score.per


def _texts(scored: Sequence[ScoredItem], language: str) -> Html:
    """Each reference beside its hypothesis, with differences marked."""
    pairs = {
        (each.score.reference, each.score.hypothesis): each.measure
        for each in reversed(scored)
        if each.score is not None and (each.score.reference or each.score.hypothesis)
    }
    shown = []
    for (reference, hypothesis), measure in reversed(pairs.items()):
        wanted, found = marked(reference, hypothesis)
        attributes = f'dir="auto" lang="{escaped(language)}"'
        shown.append(
            Html(
                f'<dl class="compared" aria-label="{escaped(measure)}"><dt>reference</dt><dd {attributes}>{wanted}</dd>'
                f"<dt>hypothesis</dt><dd {attributes}>{found or Html('<i>nothing</i>')}</dd></dl>"
            )
        )
    return joined(shown)


def _said(kind: str, who: str, *parts: Html) -> Html:
    return Html(f'<div class="said {kind}"><b>{escaped(who, 80)}</b><div>{joined(parts)}</div></div>')


def _text(text: str, language: str) -> Html:
    lang = f' lang="{escaped(language)}"' if language else ""
    return Html(f'<p class="text" dir="auto"{lang}>{escaped(text, MOST_CHARACTERS)}</p>') if text else NOTHING


def _labelled(name: str, text: str) -> Html:
    return Html(f'<p class="text" dir="auto"><small>{name}</small> {escaped(text, MOST_CHARACTERS)}</p>')


def _call(name: str, arguments: str) -> Html:
    return Html(f'<p class="call"><code>{escaped(name, 200)} {escaped(arguments, MOST_CHARACTERS)}</code></p>')


def _pairs(facts: Sequence[tuple[str, str]]) -> Html:
    shown = joined(
        Html(f'<div><dt>{escaped(name, 80)}</dt><dd dir="auto">{escaped(value, 600)}</dd></div>')
        for name, value in facts
    )
    return Html(f'<dl class="facts">{shown}</dl>') if facts else NOTHING


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
