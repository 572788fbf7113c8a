from dataclasses import replace

import pytest

from stepwave.evaluation.items import Call, Item, Sound, Turn, item_from_json, items_digest, to_json
from stepwave.evaluation.question import Said, written_prompt
from stepwave.facts.errors import DataError
from stepwave.text.standard_tools import DATE_TIME

ITEM = Item("a", "hello", Sound("/data/a.wav", "ab" * 32), turns=(Turn("user", "hi", Sound("/data/b.wav")),))


def test_what_has_its_default_value_is_not_written() -> None:
    assert to_json(Item("a", "hello")) == {"id": "a", "text": "hello"}
    assert item_from_json(to_json(ITEM)) == ITEM


def test_an_unknown_key_is_told() -> None:
    with pytest.raises(DataError, match="colour"):
        item_from_json({"id": "a", "text": "x", "colour": "red"})


def test_the_digest_tells_what_is_asked_and_not_where_it_lies() -> None:
    assert ITEM.sound is not None
    moved = replace(ITEM, sound=replace(ITEM.sound, path="/elsewhere/a.wav"))
    assert items_digest([ITEM]) == items_digest([moved])
    for other in (
        replace(ITEM, text="hullo"),
        replace(ITEM, sound=replace(ITEM.sound, digest="cd" * 32)),
        replace(ITEM, tools=(DATE_TIME,)),
        replace(ITEM, tags={"task": "age"}),
    ):
        assert items_digest([ITEM]) != items_digest([other])
    assert items_digest([ITEM, moved]) != items_digest([ITEM])


def test_sounds_come_in_the_order_in_which_they_are_heard() -> None:
    assert [sound.path for sound in ITEM.sounds] == ["/data/b.wav", "/data/a.wav"]


def test_an_answer_is_in_the_questions_language_unless_told() -> None:
    assert Item("a", "x", language="zh").answered_in == "zh"
    assert Item("a", "x", language="zh", answer_language="en").answered_in == "en"


def test_a_prompt_is_written_word_for_word() -> None:
    turns = (Said("assistant", "Sure.", calls=(Call("weather", {"location": "Köln"}),)), Said("user", "Thanks."))
    assert written_prompt("Be kind.", turns) == (
        'system: Be kind.\nassistant: Sure. <call weather {"location": "Köln"}>\nuser: Thanks.'
    )
