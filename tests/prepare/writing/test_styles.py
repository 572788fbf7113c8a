"""Instructions: how often they come, what they ask for, and that a style holds until another one changes it."""

from random import Random

import pytest

from stepwave.facts.errors import ConfigError
from stepwave.prepare.writing.languages import language_named
from stepwave.prepare.writing.speakable import trouble
from stepwave.prepare.writing.styles import EMOTIONS, FORMS, SPEEDS, Instructions, Manner, phrasings

TALK = [(f"Question {name}?", f"Answer {name}.") for name in ("one", "two", "three")]


def talks(share: float, count: int = 600, **settings: int) -> list:
    instructions = Instructions("en", share, **settings)
    return [instructions.inserted(TALK, "train", 0, Random(number)) for number in range(count)]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_conversations_with_instructions_is_as_asked(share: float) -> None:
    drawn = talks(share)
    with_style = sum(any(turn.style for turn in turns) for turns in drawn) / len(drawn)
    assert with_style == pytest.approx(share, abs=0.06 if 0 < share < 1 else 0)


def test_a_style_begins_with_its_instruction_and_holds_until_changed() -> None:
    changes = 0
    for turns in talks(1.0):
        style: dict = {}
        for question, answer in zip(turns[::2], turns[1::2], strict=True):
            assert not question.style
            if answer.style != style:
                changes += 1
                new = [part for part in _parts(answer.style["instruction"]) if part not in style.get("instruction", "")]
                assert all(part in question.text for part in new)
                changed = [name for name in ("emotion", "speed") if answer.style[name] != style.get(name)]
                assert len(changed) == 1 or not style
                style = dict(answer.style)
    assert changes > 600


def _parts(words: str) -> list[str]:
    return [part.strip() for part in words.replace("?", "?|").replace(". ", ".|").split("|") if part.strip()]


def test_an_emotion_and_a_speed_hold_side_by_side() -> None:
    manner = Manner().asked("emotion", "happy", "Be happy.").asked("speed", "slower", "Slowly.")
    assert manner.style == {"emotion": "happy", "speed": 0.85, "instruction": "Be happy. Slowly."}
    assert manner.asked("emotion", "sad", "Be sad.").style["instruction"] == "Be sad. Slowly."
    assert Manner().style == {}


def test_nobody_asks_for_what_is_there_or_for_slower_when_it_would_be_faster() -> None:
    slow = Manner(speed=0.75)
    assert {name for what, name in slow.targets() if what == "speed"} == {"normal", "faster", "much faster"}
    assert ("emotion", "neutral") not in slow.targets()
    assert {name for what, name in Manner(speed=0.85).targets() if what == "speed"} == {
        "much slower", "normal", "faster", "much faster",
    }  # fmt: skip


def test_all_emotions_and_speeds_come_up_and_answers_keep_their_words() -> None:
    drawn = talks(1.0)
    styles = [turn.style for turns in drawn for turn in turns if turn.style]
    assert {style["emotion"] for style in styles} == set(EMOTIONS)
    assert {style["speed"] for style in styles} == set(SPEEDS.values())
    assert min(SPEEDS.values()) == 0.75
    assert max(SPEEDS.values()) == 1.3
    for turns in drawn:
        assert [answer for _, answer in TALK] == list(
            dict.fromkeys(turn.text for turn in turns[1::2] if turn.text.startswith("Answer"))
        )
    longer = [turns for turns in drawn if len(turns) > 6]
    assert longer
    assert max(map(len, drawn)) <= 10


def test_no_exchange_is_added_past_the_most() -> None:
    assert {len(turns) for turns in talks(1.0, most_exchanges=3)} == {6}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_phrasings_are_many_speakable_and_partly_held_out(language: str) -> None:
    targets = [("emotion", name) for name in EMOTIONS] + [("speed", name) for name in SPEEDS]
    for what, name in targets:
        everything: set[str] = set()
        for form in FORMS:
            train = phrasings(language, what, name, form, "train", 0)
            test = phrasings(language, what, name, form, "test", 0)
            assert len(train) >= 3
            assert set(train).isdisjoint(test) or set(test) >= set(train)
            everything |= {*train, *test}
        assert len(everything) >= (30 if language == "en" else 8)
        for text in everything:
            assert not trouble(text, language_named(language)), text
            assert text[-1] in ".?。？"


def test_a_language_without_phrasings_has_no_instructions() -> None:
    with pytest.raises(ConfigError, match="only in: en, zh"):
        Instructions("fr")
    assert Instructions("fr", 0).inserted([("Ça va ?", "Oui.")], "train", 0, Random(0))[1].style == {}
    with pytest.raises(ConfigError, match=r"1\.5"):
        Instructions(share=1.5)
