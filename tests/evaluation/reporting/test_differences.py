import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepwave.evaluation.reporting.differences import MOST_CHARACTERS, marked


@pytest.mark.parametrize(
    ("reference", "hypothesis", "wanted", "found"),
    [
        ("a b c", "a b c", "a b c", "a b c"),
        ("a b c", "a x c", "a <del>b</del> c", "a <ins>x</ins> c"),
        ("a b c", "a c", "a <del>b</del> c", "a c"),
        ("a c", "a b b c", "a c", "a <ins>b b</ins> c"),
        ("今天天气", "今天大气", "今天<del>天</del>气", "今天<ins>大</ins>气"),
        ("hello", "", "<del>hello</del>", ""),
        ("", "hello", "", "<ins>hello</ins>"),
        ("a <b>", "a <i>", "a <del>&lt;b&gt;</del>", "a <ins>&lt;i&gt;</ins>"),
    ],
)
def test_differences_are_marked(reference: str, hypothesis: str, wanted: str, found: str) -> None:
    assert marked(reference, hypothesis) == (wanted, found)


def test_a_very_long_text_is_shortened_and_not_compared() -> None:
    left, right = marked("a " * MOST_CHARACTERS, "b")
    assert "shortened" in left
    assert "<del>" not in left + right


@given(st.text(max_size=40), st.text(max_size=40))
def test_nothing_of_the_texts_is_lost_or_becomes_markup(reference: str, hypothesis: str) -> None:
    for text, shown in zip((reference, hypothesis), marked(reference, hypothesis), strict=True):
        plain = re.sub(r"</?(del|ins)>", "", shown)
        assert "<" not in plain
        assert html.unescape(plain).split() == text.split()
