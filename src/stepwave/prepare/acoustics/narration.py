"""Words for scenes: a caption, a question in one of its forms, the answer, and the thoughts that lead to it.

What is true is decided in `questions` and in the recipe; here it is only worded, in phrasings of `scenes.toml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from stepwave.prepare.acoustics.mixing import Ingredient
from stepwave.prepare.acoustics.phrases import phrase, phrasings, tidy
from stepwave.prepare.acoustics.questions import Asked
from stepwave.prepare.acoustics.sounds import SPEECH, place_of, sound_kind
from stepwave.prepare.acoustics.timeline import Timeline, overlap
from stepwave.text.prompts import multiple_choice_question

TABLE: Final = "scenes"
_SOFT_DB, _LOUD_DB = -5.0, 4.0
_OPTIONS = (3, 4)
_LETTERS = "ABCD"
_SAID = "\0"
"""Stands for what is said until a sentence has been tidied: the words are left as they are."""


@dataclass(frozen=True)
class Worded:
    """A question as it stands in a record."""

    question: str
    answer: str
    reasoning: str
    details: Mapping[str, Any]
    """`type`, `answer` as a JSON value; `options` and the `right` one of them where there are any."""


def worded(asked: Asked, scene: Timeline, choices: bool, chooser: Random) -> Worded:
    """One question in words; with options to choose from where `choices` says so and the type has any."""
    columns = dict(asked.columns)
    shown = columns | {key.removeprefix("asked_"): value for key, value in columns.items() if key.startswith("asked_")}
    question = phrase(TABLE, "questions", asked.type, chooser, **shown)
    answer = phrase(TABLE, "answers", asked.key, chooser, **columns)
    thoughts = asked.type if asked.type == "before" else asked.key
    reasoning = f"{timeline(scene, chooser)} {phrase(TABLE, 'reasons', thoughts, chooser, **columns)}"
    details: dict[str, Any] = {"type": asked.type, "answer": asked.answer}
    if choices and len(asked.wrong) >= 2:
        options = [asked.right, *chooser.sample(asked.wrong, min(len(asked.wrong), chooser.choice(_OPTIONS) - 1))]
        chooser.shuffle(options)
        question, answer = _with_options(question, options, asked.right, chooser)
        details |= {"options": options, "right": asked.right}
        reasoning += " " + phrase(TABLE, "reasons", "options", chooser, option=asked.right)
    return Worded(question, answer, reasoning, details)


def timeline(scene: Timeline, chooser: Random) -> str:
    """What is heard from when to when, as the first step of thinking."""
    steps = []
    for item in scene.items:
        kind = sound_kind(item.label)
        times = f"from {item.start:.1f} to {item.end:.1f} s"
        steps.append(f"{times} {kind.doing}" if chooser.random() < 0.5 else f"{kind.name}, {times}")
    return f"{phrase(TABLE, 'reasons', 'timeline', chooser)} {'; '.join(steps)}."


def caption(scene: Timeline, chooser: Random) -> str:
    """A few sentences on everything in the scene, in the order of starts."""
    parts: list[str] = []
    for number, item in enumerate(scene.items):
        clause = _clause(item, chooser)
        heard_before = any(each.label == item.label for each in scene.items[:number])
        if heard_before:
            clause = phrase_part("again", chooser, clause=clause)
        if number == 0:
            key = "first" if len(scene.items) > 1 else "alone"
        else:
            joint = any(overlap(each, item) >= 0.3 for each in scene.items[:number])
            key = "meanwhile" if joint else "next"
        columns = {"clause": clause, "name": sound_kind(item.label).name}
        # A clause with a quotation or a repetition is no name, so templates that take a name are not for it.
        plain = item.label != SPEECH and not heard_before
        text = phrase_part(key, chooser, plain, **columns)
        parts.append(_loudness(text, item, chooser))
    sentences = [tidy(f"{part}.") if not part.endswith(("”", ".")) else tidy(part) for part in _joined(parts, chooser)]
    if (found := place_of(scene.labels)) is not None and chooser.random() < 0.7:
        sentences.append(phrase(TABLE, "captions", "place", chooser, place=found[0].name))
    said = scene.speech.text if scene.speech is not None else ""
    said = said if said.endswith((".", "!", "?")) else f"{said}."
    return " ".join(sentences).replace(_SAID, said)


def phrase_part(key: str, chooser: Random, plain: bool = True, **columns: object) -> str:
    """A phrasing of `[captions] key` that is not yet a sentence."""
    choices = [each for each in phrasings(TABLE, "captions", key) if plain or "{name}" not in each]
    return chooser.choice(choices).format_map(columns)


def _clause(item: Ingredient, chooser: Random) -> str:
    if item.label != SPEECH or not item.text:
        return sound_kind(item.label).doing
    return phrase_part("words", chooser, words=_SAID)


def _loudness(text: str, item: Ingredient, chooser: Random) -> str:
    if text.endswith("”") or chooser.random() < 0.4:
        return text
    if item.gain_db <= _SOFT_DB:
        return phrase_part("soft", chooser, text=text)
    return phrase_part("loud", chooser, text=text) if item.gain_db >= _LOUD_DB else text


def _joined(parts: list[str], chooser: Random) -> list[str]:
    """Two clauses now and then make one sentence; a quotation ends one."""
    joined: list[str] = []
    for part in parts:
        if joined and not joined[-1].endswith("”") and "; " not in joined[-1] and chooser.random() < 0.5:
            joined[-1] += f"; {part}"
        else:
            joined.append(part)
    return joined


def _with_options(question: str, options: list[str], right: str, chooser: Random) -> tuple[str, str]:
    form = chooser.choice(("lettered", "listed", "response"))
    if form == "response" and any("," in option for option in options):
        form = "listed"
    if form == "response":
        return multiple_choice_question(question, options), f"<RESPONSE> {right} </RESPONSE>"
    if form == "listed":
        return phrase(TABLE, "options", "listed", chooser, question=question, listed="; ".join(options)), tidy(
            right + "."
        )
    letters = [f"{letter}) {option}" for letter, option in zip(_LETTERS, options, strict=False)]
    letter = _LETTERS[options.index(right)]
    asked = phrase(TABLE, "options", "lettered", chooser, question=question, lettered=" ".join(letters))
    return asked, f"{letter}) {right}"
