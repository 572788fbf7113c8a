"""How words are written as CTC labels: English letters, or the UTF-8 bytes of any language.

A text that cannot be spelled whole gives no labels: half a spelling would teach that the rest is not said. Marks are
left out, English numbers become words.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from stepwave.prepare.writing.numbers import spoken_numbers
from stepwave.training.parts.spelling import LETTERS, spell

Alphabet: TypeAlias = Literal["letters", "bytes"]
_BYTES: Final = 256


@dataclass(frozen=True)
class CtcLabels:
    """One way of writing; the blank is 0, labels begin at 1."""

    alphabet: Alphabet = "letters"
    """`letters`: English only, easily learnt from little speech. `bytes`: every language; a Chinese character has
    three, about 15 a second."""

    @property
    def size(self) -> int:
        """Number of labels, the blank not counted."""
        return len(LETTERS) if self.alphabet == "letters" else _BYTES

    def of(self, text: str, language: str) -> tuple[int, ...]:
        """Labels of what is said; none where it cannot be spelled. `language` is an ISO 639-1 code, or empty."""
        english = language in ("", "en")
        plain = _plain(spoken_numbers(text) if english else text)
        if self.alphabet == "bytes":
            return tuple(1 + byte for byte in plain.encode())
        # "café" is spelled without its accent, as English often does.
        plain = "".join(each for each in unicodedata.normalize("NFD", plain) if not unicodedata.combining(each))
        return tuple(spell(plain)) if english and set(plain) <= set(LETTERS) else ()

    def text(self, labels: Sequence[int]) -> str:
        """What labels spell; bytes that are no UTF-8 become U+FFFD."""
        if self.alphabet == "bytes":
            return bytes(label - 1 for label in labels).decode(errors="replace")
        return "".join(LETTERS[label - 1] for label in labels)


def frames_needed(labels: Sequence[int]) -> int:
    """Places that CTC needs at least: one for a label, and a blank between two that are the same."""
    return len(labels) + sum(one == other for one, other in pairwise(labels))


def collapsed(best: Sequence[int]) -> list[int]:
    """Labels that the best label of every place stands for: repeats once, blanks left out."""
    return [one for one, before in zip(best, (0, *best), strict=False) if one not in (0, before)]


def _plain(text: str) -> str:
    """Lower case, with one space between words, marks left out: letters with their accents, digits, apostrophes."""
    text = unicodedata.normalize("NFKC", text).lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    kept = (each if each == "'" or unicodedata.category(each)[0] in "LMN" else " " for each in text)
    return " ".join("".join(kept).split())
