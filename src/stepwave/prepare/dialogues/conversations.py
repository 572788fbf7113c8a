"""Talks of several turns: saying it again, one more of the kind, "and Spain?", a name remembered, and plain chat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from stepwave.prepare.dialogues.everyday import Dialogue, Split, everyday_dialogues, held_out
from stepwave.prepare.dialogues.grammar import expand, sentence
from stepwave.prepare.dialogues.scripts import Script, all_scripts, read, rules

Turn = tuple[str, str]
"""A question and its answer."""


@dataclass(frozen=True)
class Conversation:
    """Turns in order; the last answer needs the turns before, except in `chat`."""

    intent: str
    """What the turns have in common: a section of conversations.toml."""
    turns: tuple[Turn, ...]
    """Questions and answers, written as in `Dialogue`."""
    split: Split
    """`test` when one of the phrasings is held out."""


def everyday_conversations(seed: int) -> list[Conversation]:
    """About 850 conversations of two to four turns, the same for the same seed.

    Their answers occur in `everyday_dialogues` too, but for those with a remembered name.
    """
    by_intent: dict[str, list[Dialogue]] = {}
    splits: dict[str, Split] = {}
    for dialogue in everyday_dialogues(seed, None):
        by_intent.setdefault(dialogue.intent, []).append(dialogue)
        splits[dialogue.question] = dialogue.split
    conversations: dict[tuple[Turn, ...], Conversation] = {}
    for intent, section in read("conversations").items():
        drawing = _Drawing(section, by_intent, Random(f"{seed} {intent}"))
        for _ in range(section["count"]):
            turns = tuple(_KINDS[intent](drawing))
            kinds = {splits.get(question) or held_out(question, seed) for question, _ in turns}
            conversations[turns] = Conversation(intent, turns, "test" if "test" in kinds else "train")
    return list(conversations.values())


def distinct_answers(dialogues: Sequence[Dialogue], conversations: Sequence[Conversation]) -> list[str]:
    """Every answer once, in the order it first occurs: what the assistant's voice has to speak."""
    single = [dialogue.answer for dialogue in dialogues]
    return list(dict.fromkeys(single + [answer for talk in conversations for _, answer in talk.turns]))


class _Drawing:
    """What one section draws its turns from."""

    def __init__(self, section: Mapping[str, Any], by_intent: Mapping[str, Sequence[Dialogue]], random: Random) -> None:
        self.section = section
        self.by_intent = by_intent
        self.random = random
        self._phrasings = [text for each in section.get("questions", []) for text in expand(each, rules())]

    def dialogue(self, part: str) -> Dialogue:
        """Any single turn of the intents that `part` of the section lists."""
        return self.random.choice(self.by_intent[self.random.choice(self.section[part])])

    def about(self, script: Script, row: tuple[str, ...]) -> Turn:
        """A single turn about one row of a table."""
        answers = {sentence(answer) for answer in script.answers_for(row)}
        return _turn(self.random.choice([each for each in self.by_intent[script.name] if each.answer in answers]))

    def table(self) -> Script:
        """One of the tables the section follows up."""
        name = self.random.choice(self.section["after"])
        return next(script for script in all_scripts() if script.name == name)

    def question(self, it: str = "") -> str:
        """A follow-up question, about `it` where the phrasing has room for it."""
        return sentence(self.random.choice(self._phrasings).format(it=it))


def _turn(dialogue: Dialogue) -> Turn:
    return dialogue.question, dialogue.answer


def _again(drawing: _Drawing) -> list[Turn]:
    first = drawing.dialogue("after")
    return [_turn(first), (drawing.question(), first.answer)]


def _another(drawing: _Drawing) -> list[Turn]:
    first = drawing.dialogue("after")
    answers = dict.fromkeys(each.answer for each in drawing.by_intent[first.intent])
    others = [answer for answer in answers if answer != first.answer]
    return [_turn(first), (drawing.question(), drawing.random.choice(others))]


def _what_about(drawing: _Drawing) -> list[Turn]:
    script = drawing.table()
    first, second = drawing.random.sample(script.rows, 2)
    return [drawing.about(script, first), (drawing.question(second[0]), sentence(script.answers_for(second)[0]))]


def _remembered_name(drawing: _Drawing) -> list[Turn]:
    script = drawing.table()
    row = drawing.random.choice(script.rows)
    between = [_turn(drawing.dialogue("between"))] * drawing.random.randint(0, 1)
    return [drawing.about(script, row), *between, (drawing.question(), drawing.section["answer"].format(it=row[0]))]


def _chat(drawing: _Drawing) -> list[Turn]:
    parts = ["first", *["between"] * drawing.random.randint(1, 2), "last"]
    return [_turn(drawing.dialogue(part)) for part in parts[drawing.random.randint(0, 1) :]]


_KINDS: Mapping[str, Callable[[_Drawing], list[Turn]]] = {
    "again": _again,
    "another": _another,
    "what_about": _what_about,
    "remembered_name": _remembered_name,
    "chat": _chat,
}
