"""The page as one file: the template with its style, script and sections, and nothing from elsewhere.

The template is `page.html` beside this file, with `page.css` and `page.js`. A content security policy allows no request
and no script but that one, so even a text that escaped escaping could do nothing.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stepwave.data.records import Kind
from stepwave.prepare.show import sections
from stepwave.prepare.show.conversations import MOST_CHARACTERS, MOST_TURNS, Conversations
from stepwave.prepare.show.markup import Html, escaped, joined, number
from stepwave.prepare.show.sample import Drawn
from stepwave.prepare.show.sounds import SOUND_BYTES, Sounds
from stepwave.prepare.show.survey import Survey

TEXT_CHARACTERS: Final = 1_500_000
"""Of the sample's texts that a page shows, about: each is cut at its share."""
_LEAST_CHARACTERS: Final = 200
_HERE = Path(__file__).parent
_PLACE = re.compile(r"\{\{(\w+)\}\}")


def page(survey: Survey, sound_bytes: int = SOUND_BYTES, progress: Callable[[float], None] | None = None) -> bytes:
    """The HTML of a survey, UTF-8. `progress` is told the share of the sample's records that are written.

    Sounds that are missing or damaged are shown as missing.
    """
    script, style = (_HERE.joinpath(f"page.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    names = [one.path for one in survey.manifests]
    figures = survey.total
    parts = {
        "policy": f"'sha256-{digest}'",
        "title": escaped(_title(names), 200),
        "style": style,
        "script": script,
        "named": joined(Html(f"<li><code>{escaped(name, 300)}</code></li>") for name in names),
        "headline": sections.headline(survey),
        "content": sections.content(figures),
        "voices": sections.voices(figures),
        "lengths": sections.lengths(figures),
        "errors": sections.errors(figures),
        "manifests": sections.manifests(survey),
        "drawn": escaped(_drawn(survey)),
        "kinds": _choices(list(survey.sample)),
        "voice_names": _choices(_voices(survey)),
        "sample": _sample(survey, names, sound_bytes, progress),
    }
    template = _HERE.joinpath("page.html").read_text(encoding="utf-8")
    # One pass: what stands in the parts is never taken for a place.
    written = _PLACE.sub(lambda place: parts[place[1]], template)
    return written.encode("utf-8", "replace")


def _sample(survey: Survey, names: list[str], sound_bytes: int, progress: Callable[[float], None] | None) -> Html:
    drawn = [each for records in survey.sample.values() for each in records]
    turns = [turn for each in drawn for turn in each.record.turns[:MOST_TURNS]]
    clips = sum(turn.clip is not None for turn in turns)
    characters = min(MOST_CHARACTERS, max(_LEAST_CHARACTERS, TEXT_CHARACTERS // max(1, len(turns))))
    conversations = Conversations(Sounds(clips, sound_bytes), names, characters)
    parts, done = [], 0
    for kind, records in survey.sample.items():
        articles = []
        for each in records:
            articles.append(conversations.article(each))
            done += 1
            if progress is not None:
                progress(done / len(drawn))
        count = f"{number(len(records))} of {number(survey.total.kinds.counts[kind])}"
        parts.append(
            Html(
                f'<section class="kind-group" aria-label="{escaped(kind)}"><h3>{escaped(kind)} '
                f"<small>{escaped(count)}</small></h3>{joined(articles)}</section>"
            )
        )
    return joined(parts)


def _title(names: list[str]) -> str:
    if len(names) == 1:
        path = Path(names[0])
        return path.name if path.suffix != ".jsonl" else path.parent.name or path.name
    return f"{len(names)} manifests"


def _drawn(survey: Survey) -> str:
    count = sum(map(len, survey.sample.values()))
    if not count:
        return "No records were drawn."
    return f"{number(count)} records drawn at random with seed {survey.seed}, as evenly over the kinds as they allow."


def _voices(survey: Survey) -> list[str]:
    drawn: list[Drawn] = [each for records in survey.sample.values() for each in records]
    return sorted({clip.voice for each in drawn for clip in each.record.clips if clip.voice})


def _choices(names: list[str] | list[Kind]) -> Html:
    return joined(Html(f'<option value="{escaped(name)}">{escaped(name, 80)}</option>') for name in names)
