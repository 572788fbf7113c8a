"""What is asked for our own tools: enough of it, and nothing that fits two tools."""

from random import Random

import pytest

from stepwave.prepare.dialogues.grammar import normalised
from stepwave.prepare.tool_dialogues.tool_grammar import Scene, other_tools, own_tool, phrasings_in
from stepwave.text.standard_tools import STANDARD_TOOLS


@pytest.mark.parametrize(
    ("tool", "at_least"), [("audio_search", 850), ("date_time", 600), ("weather", 950), ("web_search", 850)]
)
def test_a_thousand_questions_are_mostly_different(tool: str, at_least: int) -> None:
    """How many of a thousand questions differ, as they are drawn for the final turns of a thousand scripts."""
    grammar = own_tool(STANDARD_TOOLS[tool], tool)
    drawn = {
        normalised(grammar.ask(Random(number), "explicit" if number % 2 else "implicit", Scene(str(number), 0)).text)
        for number in range(1_000)
    }
    assert len(drawn) >= at_least


def test_a_phrasing_lies_in_one_split_and_about_a_twentieth_is_held_out() -> None:
    texts = tuple(f"{first} {second}" for first in "abcdefghijklmnopqrst" for second in "abcdefghijklmnopqrst")
    train, test = phrasings_in(texts, 0, "train"), phrasings_in(texts, 0, "test")
    assert sorted(train + test) == sorted(phrasings_in(texts, 0, None)) == sorted(texts)
    assert 8 <= len(test) <= 40
    assert phrasings_in(texts, 1, "test") != test


def test_every_kind_of_every_tool_can_be_asked_both_ways() -> None:
    grammars = [*(own_tool(schema, name) for name, schema in STANDARD_TOOLS.items()), *other_tools()]
    for grammar in grammars:
        for way in ("explicit", "implicit"):
            assert any(kind.questions[way] for kind in grammar.kinds), (grammar.own_name, way)
        for number in range(200):
            exchange = grammar.ask(Random(number), "implicit", Scene(str(number), 0), "train")
            assert "{" not in exchange.text + exchange.answer
            assert exchange.before is None


def test_no_phrasing_belongs_to_two_tools_and_near_misses_belong_to_none() -> None:
    owners: dict[str, set[str]] = {}
    for name, schema in STANDARD_TOOLS.items():
        grammar = own_tool(schema, name)
        for kind in grammar.kinds:
            for texts in (*kind.questions["explicit"], *kind.questions["implicit"]):
                for text in texts:
                    owners.setdefault(text.lower().rstrip(".?"), set()).add(name)
        for near in grammar.near:
            for text in near.questions:
                owners.setdefault(text.lower().rstrip(".?"), set()).add("nobody")
    assert {text: names for text, names in owners.items() if len(names) > 1} == {}
