"""How far a text is from what it should be: word errors after normalisation, character errors where words run together.

Used wherever something is listened to: when training material is checked, and when a model is measured.
"""

import importlib
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from stepwave.facts.errors import MissingExtraError

UNSPACED: Final = frozenset({"zh", "yue", "ja", "th"})
"""Languages written without spaces: each character counts as a word."""


@dataclass(frozen=True)
class WordErrors:
    """Errors of one text against its reference, in words."""

    words: int
    """Words of the reference."""
    substitutions: int
    deletions: int
    insertions: int

    @property
    def errors(self) -> int:
        """All three kinds together."""
        return self.substitutions + self.deletions + self.insertions


def word_errors(reference: str, hypothesis: str, language: str = "en") -> WordErrors:
    """Compare two texts after the same normalisation.

    Counts are those of a shortest edit. A reference without words makes every word of the hypothesis an insertion.
    Raises MissingExtraError.
    """
    result = _package("jiwer").process_words(normalised(reference, language), normalised(hypothesis, language))
    words = result.hits + result.substitutions + result.deletions
    return WordErrors(words, result.substitutions, result.deletions, result.insertions)


def normalised(text: str, language: str = "en") -> str:
    """`text` as word errors see it: "Mr. Reed's 25" and "mister reed's twenty five" are the same.

    English by Whisper's normaliser (case, punctuation, numbers, spelling); other languages without case and marks,
    and with a space between characters where the language writes none. Raises MissingExtraError (English).
    """
    if language == "en":
        # The normaliser leaves some marks standing alone ("..."), which nobody says.
        return " ".join(word for word in _normaliser()(text).split() if any(letter.isalnum() for letter in word))
    plain = re.sub(r"[^\w\s]|_", " ", unicodedata.normalize("NFKC", text).lower())
    return " ".join(plain.replace(" ", "") if language in UNSPACED else plain.split())


@cache
def _normaliser() -> Any:
    return _package("whisper_normalizer.english").EnglishTextNormalizer()


def _package(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError("eval", module.partition(".")[0]) from None
