"""The eleven aspects of a speech caption: what is known of each, and words for it.

After Step-Audio 2, sections 3.3 and 4.2 (gender, age, timbre, emotion, pitch, rhythm, speed, style, scenario, event,
vocal sound). Timbre, pitch, rhythm and speed are measured; gender, age, emotion and style are what a corpus or whoever
spoke has noted; scenario, event and vocal sound come from a recipe. What none of them tells is None, never guessed.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final, TypeAlias

from stepwave.data.records import Turn
from stepwave.prepare.acoustics.bands import MELODY, PITCH, RHYTHM, SPEED, TIMBRE, Bands, word_for
from stepwave.prepare.acoustics.phrases import listed, phrase, phrase_table, phrasings, tidy
from stepwave.prepare.acoustics.sounds import SPEECH, sound_kind

ASPECTS: Final = (
    "gender", "age", "timbre", "emotion", "pitch", "rhythm", "speed", "style", "scenario", "event", "vocal_sound",
)  # fmt: skip
Aspects: TypeAlias = Mapping[str, str | None]
"""A word for each of `ASPECTS`, or None where it is not known."""
TABLE: Final = "captions"
_MEASURED: Final[Mapping[str, Bands]] = {"timbre": TIMBRE, "pitch": PITCH, "rhythm": RHYTHM, "speed": SPEED}
_GENDERS: Final = {"f": "woman", "female": "woman", "woman": "woman", "m": "man", "male": "man", "man": "man"}
_AGES: Final = ((13, "a child"), (20, "a teenager"), (36, "a young adult"), (56, "middle-aged"), (200, "elderly"))
"""Words for an age in years below a bound."""
_AGE_WORDS: Final = {
    "child": 8, "children": 8, "kid": 8, "teens": 16, "teenager": 16, "twenties": 25, "young": 25, "young adult": 25,
    "thirties": 33, "adult": 45, "forties": 45, "fourties": 45, "middle-aged": 45, "middle aged": 45, "fifties": 55,
    "sixties": 65, "seventies": 75, "eighties": 85, "nineties": 95, "elderly": 70, "old": 70, "senior": 70,
}  # fmt: skip
"""Years that stand for the words of corpora (Common Voice among them)."""
_NOUNS: Final = {
    "a child": ("a girl", "a boy", "a child"),
    "a teenager": ("a teenage girl", "a teenage boy", "a teenager"),
    "a young adult": ("a young woman", "a young man", "a young person"),
    "middle-aged": ("a middle-aged woman", "a middle-aged man", "a middle-aged person"),
    "elderly": ("an elderly woman", "an elderly man", "an elderly person"),
    None: ("a woman", "a man", "a person"),
}
"""Whoever speaks: a woman, a man, or not known which."""


def aspects_of(
    turn: Turn, recipe: Sequence[Mapping[str, Any]] = (), trust_style: bool = False
) -> dict[str, str | None]:
    """What is known of a spoken turn, and of the sounds around it where there is a recipe.

    An emotion that a turn's style merely asks for counts with `trust_style` alone: most voices cannot act it.
    """
    noted: Mapping[str, Any] = turn.clip.attributes if turn.clip is not None else {}
    style = turn.style if trust_style else {}
    found: dict[str, str | None] = dict.fromkeys(ASPECTS)
    for aspect, bands in _MEASURED.items():
        value = noted.get(bands.attribute)
        found[aspect] = word_for(bands, float(value)) if isinstance(value, int | float) else None
    found["gender"] = _GENDERS.get(str(noted.get("gender", "")).lower())
    found["age"] = _age(noted.get("age"))
    found["emotion"] = _noted(noted.get("emotion")) or _noted(style.get("emotion"))
    found["style"] = _noted(noted.get("style")) or _noted(style.get("style"))
    kinds = [sound_kind(each["label"]) for each in recipe if each["label"] != SPEECH]
    for aspect, role in (("scenario", "scenario"), ("event", "event"), ("vocal_sound", "vocal")):
        words = [kind.place if role == "scenario" else kind.name for kind in kinds if kind.role == role]
        found[aspect] = listed(list(dict.fromkeys(words))) if words else None
    return found


def melody_of(turn: Turn) -> str | None:
    """The word for a turn's pitch range; a side of pitch that is no aspect of its own."""
    value = turn.clip.attributes.get(MELODY.attribute) if turn.clip is not None else None
    return word_for(MELODY, float(value)) if isinstance(value, int | float) else None


def describe(aspects: Aspects, melody: str | None, chooser: Random) -> str:
    """A caption with every known aspect, once each, in an order and in phrasings that are drawn."""
    columns = _columns(aspects)
    left = [name for name in ASPECTS if aspects[name] is not None and name not in ("gender", "age")]
    chooser.shuffle(left)
    manner = [name for name in left if name in phrase_table(TABLE)["manner"]][: chooser.choice((1, 1, 2))]
    parts = [_part("manner", name, aspects, columns, chooser) for name in manner]
    opening = tidy(f"{_part('opens', 'plain', aspects, columns, chooser)} {' and '.join(parts)}.")
    sentences = [
        phrase(TABLE, "tells", name, chooser, **columns, **_value(name, aspects, melody))
        if name != "pitch" or melody is not None
        else _without_melody(aspects, columns, chooser)
        for name in left
        if name not in manner
    ]
    return " ".join([opening, *sentences])


def ask(aspect: str, aspects: Aspects, chooser: Random) -> tuple[str, str]:
    """A question for one known aspect, and its answer."""
    columns = {**_columns(aspects), **_value(aspect, aspects, None)}
    question = phrase(TABLE, "questions", aspect, chooser, **columns)
    return question, phrase(TABLE, "answers", aspect, chooser, **columns)


def with_article(word: str) -> str:
    """`a` or `an` before a word, unless it has an article."""
    if word.startswith(("a ", "an ", "the ")):
        return word
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _columns(aspects: Aspects) -> dict[str, str]:
    row = _NOUNS[aspects["age"]]
    number = ("woman", "man", None).index(aspects["gender"])
    return {
        "who": row[number],
        "it": ("she", "he", "the speaker")[number],
        "its": ("her", "his", "the speaker's")[number],
    }


def _value(name: str, aspects: Aspects, melody: str | None) -> dict[str, str]:
    value = aspects[name] or ""
    words = phrase_table(TABLE)["shown"]
    shown = words.get(name, {}).get(value, value)
    return {
        "value": value,
        "a_value": with_article(value),
        "shown": shown,
        "a_shown": with_article(shown),
        "melody": words["melody"].get(melody, ""),
    }


def _part(section: str, key: str, aspects: Aspects, columns: Mapping[str, str], chooser: Random) -> str:
    values = _value(key, aspects, None) if key in aspects else {}
    return chooser.choice(phrasings(TABLE, section, key)).format_map({**columns, **values})


def _without_melody(aspects: Aspects, columns: Mapping[str, str], chooser: Random) -> str:
    plain = [each for each in phrasings(TABLE, "tells", "pitch") if "{melody}" not in each]
    return tidy(chooser.choice(plain).format_map({**columns, **_value("pitch", aspects, None)}))


def _age(noted: object) -> str | None:
    if isinstance(noted, str):
        noted = float(noted) if noted.strip().isdigit() else _AGE_WORDS.get(noted.strip().lower())
    if isinstance(noted, bool) or not isinstance(noted, int | float) or not 0 < noted < 130:
        return None
    return next(word for bound, word in _AGES if noted < bound)


def _noted(value: object) -> str | None:
    return value.strip().lower() or None if isinstance(value, str) else None
