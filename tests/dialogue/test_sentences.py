import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.dialogue.sentences import readings


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        (" \n ", []),
        ("Good morning to everybody in this room.", ["Good morning to everybody in this room."]),
        (
            "The first sentence is this one.  And this is the second!\nIs there also a third one?",
            ["The first sentence is this one.", "And this is the second!", "Is there also a third one?"],
        ),
        ("Yes. No. The rest of it is somewhat longer.", ["Yes. No. The rest of it is somewhat longer."]),
        ("Mr. Brown met Dr. J. Smith at 3.5 miles.", ["Mr. Brown met Dr. J. Smith at 3.5 miles."]),
        ('He said: "Leave me." Then he went away.', ['He said: "Leave me."', "Then he went away."]),
        ("今天的天气真的非常好我们一起出去散步吧好不好呀。明天也是一样的好天气我们可以去爬山看风景你说对不对。",
         ["今天的天气真的非常好我们一起出去散步吧好不好呀。", "明天也是一样的好天气我们可以去爬山看风景你说对不对。"]),
        ("A heading without an end\n\nAnd a paragraph.", ["A heading without an end", "And a paragraph."]),
    ],
)  # fmt: skip
def test_a_text_is_cut_at_its_sentences(text: str, pieces: list[str]) -> None:
    assert readings(text, 60) == pieces


def test_long_sentences_are_cut_at_clauses_then_words_then_anywhere() -> None:
    assert readings("one two three, four five six; seven", 15) == ["one two three,", "four five six;", "seven"]
    assert readings("one two three four five", 10) == ["one two", "three four", "five"]
    assert readings("abcdefghijklmno pq", 6) == ["abcdef", "ghijkl", "mno pq"]


@given(st.text(alphabet="ab1.!?,; \n\"'。，é", max_size=120), st.integers(1, 40))
def test_nothing_is_lost_and_no_piece_is_too_long(text: str, longest: int) -> None:
    pieces = readings(text, longest)
    assert re.sub(r"\s", "", "".join(pieces)) == re.sub(r"\s", "", text)
    assert all(0 < len(piece) <= longest and piece == piece.strip() for piece in pieces)
