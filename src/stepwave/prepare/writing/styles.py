"""Emotion and speed instructions put into conversations at random, and the styles that answers then carry.

Step-Audio 2 (technical report, section 3.3) inserts such instructions into its generated scripts for basic control of
the speaking style. How they are phrased and where they go is not reported and our own: beside a question, as the wish
to hear the last answer once more, or on their own before all else. An instruction holds until another one changes the
same thing.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, Final, Literal, TypeAlias

from stepwave.data.records import Turn
from stepwave.facts.errors import ConfigError
from stepwave.prepare.dialogues.everyday import Split
from stepwave.prepare.dialogues.grammar import expand, sentence
from stepwave.prepare.writing.splits import split_of

Exchange: TypeAlias = tuple[str, str]
"""What the human says and what the assistant answers."""
Form: TypeAlias = Literal["beside", "again", "standing"]
FORMS: Final[tuple[Form, ...]] = ("beside", "again", "standing")
EMOTIONS: Final = ("neutral", "happy", "sad", "angry", "calm", "excited", "surprised")
SPEEDS: Final = {"much slower": 0.75, "slower": 0.85, "normal": 1.0, "faster": 1.15, "much faster": 1.3}
"""Factors on the speed, by how they are asked for."""
SECOND_SHARE: Final = 0.4
"""Of the conversations with an instruction, this share has a second one where there is room."""


@dataclass(frozen=True)
class Manner:
    """How the assistant speaks at a point of a conversation."""

    emotion: str = "neutral"
    speed: float = 1.0
    emotion_words: str = ""
    """The words that last asked for an emotion."""
    speed_words: str = ""

    @property
    def style(self) -> dict[str, Any]:
        """As a turn carries it: nothing before the first instruction."""
        words = " ".join(filter(None, (self.emotion_words, self.speed_words)))
        return {"emotion": self.emotion, "speed": self.speed, "instruction": words} if words else {}

    def targets(self) -> list[tuple[str, str]]:
        """What may be asked for next, as (`emotion` or `speed`, name): another manner, and slower only if it is."""
        emotions = [("emotion", name) for name in EMOTIONS if name != self.emotion]
        speeds = [("speed", name) for name, factor in SPEEDS.items() if _makes_sense(name, factor, self.speed)]
        return emotions + speeds

    def asked(self, what: str, name: str, words: str) -> "Manner":
        """The manner after `words` asked for it."""
        if what == "emotion":
            return replace(self, emotion=name, emotion_words=words)
        return replace(self, speed=SPEEDS[name], speed_words=words)


@dataclass(frozen=True)
class Instructions:
    """Where and how often instructions are inserted."""

    language: str = "en"
    share: float = 0.4
    """Of the conversations, this share has at least one."""
    most_exchanges: int = 5
    """No instruction is given an exchange of its own past this many."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ConfigError(f"a share of {self.share} conversations with instructions; wanted 0 to 1")
        if self.share and self.language not in _table():
            known = ", ".join(_table())
            raise ConfigError(
                f"no emotion and speed instructions are written in {self.language!r}, only in: {known}; "
                "ask for a share of 0"
            )

    def inserted(self, exchanges: Sequence[Exchange], split: Split, seed: int, random: Random) -> list[Turn]:
        """The conversation as written turns, with instructions at random places and the styles that follow from them.

        Phrasings held out by `seed` occur in the split `test` alone. Turns are human and assistant in alternation.
        """
        places: set[int] = set()
        if random.random() < self.share:
            wanted = 2 if random.random() < SECOND_SHARE else 1
            places = set(random.sample(range(len(exchanges)), min(wanted, len(exchanges))))
        spare = self.most_exchanges - len(exchanges)
        manner, turns = Manner(), list[Turn]()
        for place, (question, answer) in enumerate(exchanges):
            if place not in places:
                turns += _exchange(question, answer, manner)
                continue
            # Said on its own later, it would come between a question and what the question refers to.
            form = random.choice(FORMS if place == 0 else FORMS[:2]) if spare > 0 else "beside"
            spare -= form != "beside"
            what, name = random.choice(manner.targets())
            words = random.choice(phrasings(self.language, what, name, form, split, seed))
            before, manner = manner, manner.asked(what, name, words)
            if form == "again":
                turns += [*_exchange(question, answer, before), *_exchange(words, answer, manner)]
            elif form == "standing":
                done = random.choice(_answers(self.language))
                turns += [*_exchange(words, done, manner), *_exchange(question, answer, manner)]
            else:
                gap = " " if self.language != "zh" else ""
                both = (question, words) if random.random() < 0.5 else (words, question)
                turns += _exchange(gap.join(both), answer, manner)
        return turns


@cache
def phrasings(language: str, what: str, name: str, form: Form, split: Split, seed: int) -> tuple[str, ...]:
    """Ways to ask for an emotion or a speed; those held out for `test` alone (all, where that would leave none)."""
    part = _table()[language][what]
    rules = {"how": part["how"][name]}
    written = [text for template in part[form] for text in expand(template, rules)]
    whole = [sentence(text) for text in written] if language == "en" else written
    chosen = tuple(text for text in dict.fromkeys(whole) if split_of(text, seed) == split)
    return chosen or tuple(whole)


@cache
def _answers(language: str) -> tuple[str, ...]:
    written = [text for template in _table()[language]["answers"]["done"] for text in expand(template, {})]
    if language != "en":
        return tuple(written)
    return tuple(" ".join(sentence(part) for part in text.split(". ", 1)) for text in written)


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath("styles.toml").read_text(encoding="utf-8"))


def _makes_sense(name: str, factor: float, now: float) -> bool:
    return factor < now if "slower" in name else factor > now if "faster" in name else factor != now


def _exchange(question: str, answer: str, manner: Manner) -> tuple[Turn, Turn]:
    return Turn("human", question), Turn("assistant", answer, style=manner.style)
