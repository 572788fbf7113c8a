import sys

import pytest

from stepwave.facts.errors import MissingExtraError
from stepwave.text.word_errors import WordErrors, normalised, word_errors


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("a red tree", "a red tree", WordErrors(3, 0, 0, 0)),
        ("a red tree", "a blue tree", WordErrors(3, 1, 0, 0)),
        ("a red tree", "a tree", WordErrors(3, 0, 1, 0)),
        ("a red tree", "a very red tree", WordErrors(3, 0, 0, 1)),
        ("a red tree", "", WordErrors(3, 0, 3, 0)),
        ("", "thank you", WordErrors(0, 0, 0, 2)),
        ("Mr. Reed isn't 25!", "mister reed is not twenty-five", WordErrors(5, 0, 0, 0)),
        ("The colour, um, is grey.", "the color is gray", WordErrors(4, 0, 0, 0)),
    ],
)
def test_word_errors_by_hand(reference: str, hypothesis: str, expected: WordErrors) -> None:
    assert word_errors(reference, hypothesis) == expected


def test_normalised_twice_is_normalised_once() -> None:
    text = "It's 5 o'clock, Dr. Grey; don't be late!"
    assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "language", "expected"),
    [
        ("今天天气很好。", "今天天汽很好", "zh", WordErrors(6, 1, 0, 0)),
        ("Où est-il ?", "où est il", "fr", WordErrors(3, 0, 0, 0)),
        ("Schöne Straße!", "schöne", "de", WordErrors(2, 0, 1, 0)),
    ],
)
def test_other_languages(reference: str, hypothesis: str, language: str, expected: WordErrors) -> None:
    assert word_errors(reference, hypothesis, language) == expected


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(MissingExtraError, match="jiwer"):
        word_errors("a", "b")
