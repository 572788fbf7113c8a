"""Written English as it is said: numbers, markup, contractions, length. Expected words are what one would say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.prepare.writing.languages import language_named
from stepwave.prepare.writing.numbers import cardinal, ordinal, spoken_numbers, year
from stepwave.prepare.writing.rules import spoken_english
from stepwave.prepare.writing.sentences import sentences
from stepwave.prepare.writing.speakable import trouble


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"), (13, "thirteen"), (40, "forty"), (99, "ninety-nine"), (100, "one hundred"),
        (342, "three hundred forty-two"), (1_001, "one thousand one"), (-7, "minus seven"),
        (2_000_015, "two million fifteen"), (10**12, "one trillion"),
    ],
)  # fmt: skip
def test_whole_numbers(number: int, words: str) -> None:
    assert cardinal(number) == words


def test_ordinals_and_years() -> None:
    said = [ordinal(number) for number in (1, 2, 3, 5, 8, 9, 12, 20, 21, 100)]
    assert said == [
        "first", "second", "third", "fifth", "eighth", "ninth", "twelfth", "twentieth", "twenty-first", "one hundredth",
    ]  # fmt: skip
    assert [year(number) for number in (1984, 1900, 1905, 2000, 2005, 2024)] == [
        "nineteen eighty-four", "nineteen hundred", "nineteen oh five", "two thousand", "two thousand five",
        "twenty twenty-four",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("$1,234.50", "one thousand two hundred thirty-four dollars and fifty cents"),
        ("$1 or £0.99 or €2.5", "one dollar or ninety-nine pence or two point five euros"),
        ("$3 million", "three million dollars"),
        ("12.5%", "twelve point five percent"),
        ("at 10:30am, 9:05 and 10:00", "at ten thirty AM, nine oh five and ten o'clock"),
        ("at 5 a.m. Then", "at five AM. Then"),
        ("on 2024-05-01", "on May first, twenty twenty-four"),
        ("on 2024-13-01", "on two thousand twenty-four to thirteen to zero one"),
        ("May 3, 2021", "May third, twenty twenty-one"),
        ("in 1984 with 1984 cats", "in nineteen eighty-four with one thousand nine hundred eighty-four cats"),
        ("the 1980s", "the nineteen eighties"),
        ("the 21st", "the twenty-first"),
        ("1 km, 5 km, 6 ft, 60 mph, 20°C", "one kilometer, five kilometers, six feet, sixty miles an hour, "
         "twenty degrees Celsius"),
        ("3-5 days at -5", "three to five days at minus five"),
        ("version 3.5.1", "version three point five point one"),
        ("COVID-19, mp3, room 12B", "COVID nineteen, mp three, room twelve B"),
        ("call 5551234 or 007", "call five five five one two three four or zero zero seven"),
        ("1,000,000 and 2000000", "one million and two million"),
    ],
)  # fmt: skip
def test_numbers_in_their_places(written: str, said: str) -> None:
    assert spoken_numbers(written) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("## Steps\n\n- **Do not** *worry*\n- It is [here](http://a.b/c).", "Steps. Don't worry. It's here."),
        ("1. First\n2. Second", "First. Second."),
        ("Look. See https://x.org/y?z=1 now. Then go.", "Look. Then go."),
        ("> Quoted `code` and __more__ 😀", "Quoted code and more."),
        ("I am here. I am. You are not late, it is.", "I'm here. I am. You aren't late, it is."),
        (
            "He cannot go, they will not come & we have been there.",
            "He can't go, they won't come and we've been there.",
        ),
        ("What it is like, e.g. cold, etc.", "What it is like, for example cold, and so on."),
        ("Dr. Lee and/or his/her son", "Dr. Lee or his or her son."),
        ("5 apples. 7 pears, 3x4 = 12", "Five apples. Seven pears, three times four equals twelve."),
        ("a_b_c stays, 2 * 3 * 4 too", "A_b_c stays, two times three times four too."),
    ],
)
def test_written_english_becomes_spoken(written: str, said: str) -> None:
    assert spoken_english(written, 60) == said


def test_long_answers_end_with_a_whole_sentence() -> None:
    text = "One two three. Four five six. Seven eight nine."
    assert spoken_english(text, 6) == "One two three. Four five six."
    assert spoken_english(text, 8) == "One two three. Four five six."
    assert spoken_english(text, 1) == "One two three."


@pytest.mark.parametrize("text", ["```py\nx = {1}\n```", "| a | b |\n|---|---|", "x² < y"])
def test_what_cannot_be_said_stays_recognisable_as_such(text: str) -> None:
    assert trouble(spoken_english(text, 60), language_named("en"))


@given(st.text(alphabet="aZ 0123456789.,-:%$£°kms/*_#[](){}`\n&=xth", max_size=60))
def test_any_text_loses_its_digits_and_raises_nothing(text: str) -> None:
    said = spoken_english(text, 60)
    assert not any(letter.isdigit() for letter in said)


def test_sentences_end_at_marks_but_not_at_titles() -> None:
    english, chinese = language_named("en"), language_named("zh")
    assert sentences('Mr. Day said: "Go!" He went. e.g. this one. then J. Lee', english) == [
        'Mr. Day said: "Go!"', "He went. e.g. this one. then J. Lee",
    ]  # fmt: skip
    assert sentences("Été fini. Où? Là", language_named("fr")) == ["Été fini.", "Où?", "Là"]
    assert sentences("你好。你在哪里？「走吧！」好", chinese) == ["你好。", "你在哪里？", "「走吧！」", "好"]
    assert sentences("", english) == []
