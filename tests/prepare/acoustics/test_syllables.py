"""Words and syllables of transcripts."""

import pytest

from stepwave.prepare.acoustics.syllables import spoken_units, syllables_in_word, words_in

KNOWN = {
    1: "cat time walked makes the strength year through eyes straight don't school jumped lives world there's move",
    2: "little wanted houses quiet table people walking open doctor being lonely science evening maybe above create",
    3: "banana beautiful yesterday family idea animal tomorrow remember important radio piano expected",
    4: "information dictionary television usually alligator everybody",
    5: "university imagination refrigerator",
}


@pytest.mark.parametrize(("count", "word"), [(count, word) for count, words in KNOWN.items() for word in words.split()])
def test_syllables_of_common_words(count: int, word: str) -> None:
    assert syllables_in_word(word) == count


def test_a_sentence_is_counted_within_a_syllable_in_ten() -> None:
    text = "The quick brown fox jumps over the lazy dog, and nobody in the village noticed that it had happened."
    counted = spoken_units(text, "en")
    assert counted is not None
    assert counted[0] == 19
    assert abs(counted[1] - 27) <= 2


def test_numbers_are_spoken_digit_by_digit() -> None:
    assert words_in("Room 207, please!") == ["room", "207", "please"]
    assert syllables_in_word("207") == 5


def test_chinese_counts_by_characters_and_other_languages_not_at_all() -> None:
    assert spoken_units("今天天气很好。", "zh") == (6, 6)
    assert spoken_units("今天天气很好。", "") == (6, 6)
    assert spoken_units("今天 is good", "zh") is None
    assert spoken_units("Guten Tag", "de") is None
    assert spoken_units("", "en") is None
