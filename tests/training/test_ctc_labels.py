"""How words are written for CTC: letters or bytes, there and back, and nothing for what cannot be spelled whole."""

import pytest

from stepwave.training.encoder.ctc_labels import CtcLabels, collapsed, frames_needed

LETTERS, BYTES = CtcLabels("letters"), CtcLabels("bytes")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("Don't  STOP!", "don't stop"),
        ("Chapter 1. A café - it’s $5.", "chapter one a cafe it's five dollars"),
        ("...", ""),
    ],
)
def test_english_is_spelled_without_marks(text: str, spelled: str) -> None:
    assert LETTERS.text(LETTERS.of(text, "en")) == spelled
    assert all(1 <= label <= LETTERS.size for label in LETTERS.of(text, ""))


def test_what_letters_cannot_spell_whole_is_not_spelled() -> None:
    assert LETTERS.of("Straße", "en") == ()
    assert LETTERS.of("今天天气很好", "zh") == ()
    assert LETTERS.of("guten tag", "de") == ()


@pytest.mark.parametrize(("text", "language"), [("今天天气很好。", "zh"), ("Été à 5 h", "fr"), ("Привет!", "ru")])
def test_bytes_spell_every_language(text: str, language: str) -> None:
    labels = BYTES.of(text, language)
    assert min(labels) >= 1
    assert max(labels) <= BYTES.size
    assert BYTES.text(labels) == text.lower().rstrip("。!")


def test_half_a_character_is_shown_as_such() -> None:
    assert BYTES.text(BYTES.of("好", "zh")[:2]) == "\N{REPLACEMENT CHARACTER}"


def test_places_that_ctc_needs_and_reads() -> None:
    assert frames_needed((3, 3, 4)) == 4
    assert frames_needed(()) == 0
    assert collapsed([0, 3, 3, 0, 3, 4, 4, 0]) == [3, 3, 4]
