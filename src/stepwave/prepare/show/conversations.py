"""Records of the sample as conversations that can be read and heard."""

import difflib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from stepwave.data.records import ERRORS, HEARD, WORDS, Clip, Record, Turn
from stepwave.prepare.show.markup import NOTHING, Html, duration, escaped, folded, joined, number, percent
from stepwave.prepare.show.sample import Drawn
from stepwave.prepare.show.sounds import Missing, Player, Sounds

MOST_TURNS: Final = 40
"""Of a record that are shown."""
MOST_CHARACTERS: Final = 4_000
"""Of a text that are shown."""
MOST_COMPARED: Final = 400
"""Words of a text up to which what was heard is compared with it, word by word."""
ROLE_NAMES: Final = {"input": "tool result", "tool_json_schemas": "tools"}
_SHOWN_ATTRIBUTES = (HEARD, ERRORS, WORDS)


class Conversations:
    """Writes the records of one page; `texts` is how many characters of each text are shown."""

    def __init__(self, sounds: Sounds, names: list[str], texts: int = MOST_CHARACTERS) -> None:
        self._sounds, self._names, self._texts = sounds, names, texts
        self._written = 0

    def article(self, drawn: Drawn) -> Html:
        """One record."""
        record = drawn.record
        self._written += 1
        voices = sorted({clip.voice for clip in record.clips if clip.voice})
        facts = [record.source, record.licence, record.split]
        facts += [duration(record.seconds)] if record.seconds else []
        facts += [self._names[drawn.manifest]] if len(self._names) > 1 else []
        turns = [self._turn(record, place, turn) for place, turn in enumerate(record.turns[:MOST_TURNS])]
        if len(record.turns) > MOST_TURNS:
            turns.append(
                Html(f'<li class="note">{number(len(record.turns) - MOST_TURNS)} more turns are not shown</li>')
            )
        heading = f"record-{self._written}"
        return Html(
            f'<article class="record" aria-labelledby="{heading}" data-kind="{escaped(record.kind)}" '
            f'data-voices="{escaped(json.dumps(voices))}"><header><h4 id="{heading}">{escaped(record.id, 200)}</h4>'
            f'<p class="facts">'
            f"{joined(Html(f'<span>{escaped(fact, 200)}</span>') for fact in facts if fact)}</p></header>"
            f'<ol class="turns">{joined(turns)}</ol>{self._details(record.details)}</article>'
        )

    def _turn(self, record: Record, place: int, turn: Turn) -> Html:
        verdict = _verdict(record, place)
        parts = []
        if turn.text:
            language = f' lang="{escaped(turn.language)}"' if turn.language else ""
            parts.append(Html(f'<p class="text" dir="auto"{language}>{self._text(turn.text)}</p>'))
        if turn.clip is not None:
            parts.append(self._sound(turn, turn.clip))
        elif turn.spoken:
            parts.append(_missing("not made yet"))
        parts += [self._call(call.name, call.arguments) for call in turn.calls]
        if not parts:
            parts.append(Html('<p class="note">nothing</p>'))
        parts.append(_facts(turn))
        role = escaped(ROLE_NAMES.get(turn.role, turn.role))
        speaker = (
            Html(f'<span class="speaker">{escaped(turn.speaker, 80)}</span>')
            if turn.speaker not in ("", turn.role)
            else NOTHING
        )
        judged = Html(f'<span class="verdict">{verdict}</span>') if verdict else NOTHING
        return Html(
            f'<li class="turn {escaped(turn.role)} {verdict}"><div class="who"><b>{role}</b>{speaker}{judged}</div>'
            f'<div class="said">{joined(parts)}</div></li>'
        )

    def _sound(self, turn: Turn, clip: Clip) -> Html:
        made = self._sounds.player(clip)
        heard = self._heard(turn, clip)
        if isinstance(made, Missing):
            return Html(_missing(made.reason) + heard)
        length = duration(made.whole_seconds)
        if made.whole_seconds - made.seconds > 0.05:
            length = f"first {duration(made.seconds)} of {length}"
        described = escaped(f"{turn.role}: {clip.voice or 'sound'}, {length}")
        return Html(
            f'<div class="sound"><audio controls preload="none" src="{made.sound}" aria-label="{described}"></audio>'
            f'<div class="picture" style="width:{_width(made)}"><img src="{made.picture}" '
            'alt="Spectrogram, 0 to 12 kHz"><span class="head" aria-hidden="true"></span></div>'
            f'<span class="length">{escaped(length)}</span></div>{heard}'
        )

    def _heard(self, turn: Turn, clip: Clip) -> Html:
        heard, error, words = (clip.attributes.get(name) for name in _SHOWN_ATTRIBUTES)
        if heard is None and error is None:
            return NOTHING
        rate = ""
        if isinstance(error, int | float) and isinstance(words, int | float):
            rate = f"{number(error)} of {number(words)} words wrong"
            rate += f" ({percent(error / words, 0)})" if words else ""
        language = f' lang="{escaped(turn.language)}"' if turn.language else ""
        compared = _compared(turn.text, str(heard or ""), self._texts)
        text = Html(f'<span dir="auto"{language}>{compared}</span>') if heard else escaped("nothing")
        return Html(f'<p class="heard"><b>heard</b> {text} <span class="rate">{escaped(rate)}</span></p>')

    def _call(self, name: str, arguments: Mapping[str, Any]) -> Html:
        shown = joined(
            Html(f"<dt>{escaped(key, 100)}</dt><dd dir=auto>{self._text(_plain(value))}</dd>")
            for key, value in arguments.items()
        )
        return Html(f'<div class="call"><code>{escaped(name, 200)}</code><dl>{shown}</dl></div>')

    def _details(self, details: Mapping[str, Any]) -> Html:
        short, long = [], []
        for name, value in details.items():
            simple = isinstance(value, list) and not any(isinstance(each, dict | list) for each in value)
            text = (", ".join(map(_plain, value)) or "none") if simple else _plain(value)
            if name == "reasoning" or len(text) > 200 or not (simple or isinstance(value, str | int | float | None)):
                shown = Html(f'<pre tabindex="0" dir="auto">{self._text(_plain(value, indent=1))}</pre>')
                long.append(folded(escaped(name, 100), shown))
            else:
                short.append((name, text))
        return Html(f'<div class="details">{_pairs(short)}{joined(long)}</div>') if details else NOTHING

    def _text(self, text: str) -> Html:
        return escaped(text, self._texts)


def _facts(turn: Turn) -> Html:
    clip = turn.clip
    facts = [("voice", clip.voice)] if clip is not None and clip.voice else []
    facts += [("language", turn.language)] if turn.language else []
    facts += [(name, _plain(value)) for name, value in turn.style.items()]
    facts += [("pause before", duration(turn.pause))] if turn.pause else []
    if clip is not None:
        facts += [(name, _plain(value)) for name, value in clip.attributes.items() if name not in _SHOWN_ATTRIBUTES]
    return _pairs(facts)


def _pairs(facts: list[tuple[str, str]]) -> Html:
    shown = joined(
        Html(f'<div><dt>{escaped(name, 60)}</dt><dd dir="auto">{escaped(value, 200)}</dd></div>')
        for name, value in facts
    )
    return Html(f'<dl class="facts">{shown}</dl>') if facts else NOTHING


def _verdict(record: Record, place: int) -> str:
    if record.kind != "preference":
        return ""
    return next((name for name in ("chosen", "rejected") if record.details.get(name) == place), "")


def _missing(reason: str) -> Html:
    return Html(f'<p class="missing">No sound: {escaped(reason, 300)}</p>')


def _width(player: Player) -> str:
    """Pictures of short clips are narrower: 32 pixels a second, within what can be seen and what there is room for."""
    return f"min(100%, {max(96, round(32 * player.seconds))}px)"


def _plain(value: Any, indent: int | None = None) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.4g}"
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)


def _compared(text: str, heard: str, limit: int) -> Html:
    """What was heard, the words marked that are not those of the text (case and punctuation aside)."""
    said, words = text.split(), heard.split()
    if not text or max(len(said), len(words)) > MOST_COMPARED or len(heard) > limit:
        return escaped(heard, limit)
    matcher = difflib.SequenceMatcher(None, [_bare(word) for word in said], [_bare(word) for word in words], False)
    parts = []
    for kind, first, last, start, end in matcher.get_opcodes():
        if kind == "equal":
            parts.append(escaped(" ".join(words[start:end])))
            continue
        wanted = " ".join(said[first:last])
        found = " ".join(words[start:end]) or "…"
        if _bare(wanted) == _bare(found):
            parts.append(escaped(found))
        else:
            parts.append(Html(f'<mark title="wanted: {escaped(wanted or "nothing")}">{escaped(found)}</mark>'))
    return joined(parts, " ")


def _bare(word: str) -> str:
    return re.sub(r"[^\w\s]", "", word).casefold()
