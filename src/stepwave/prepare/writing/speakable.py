"""Whether a voice can say a text as it is written: letters of its language and the marks that guide a voice."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from stepwave.facts.errors import ConfigError
from stepwave.prepare.writing.languages import Language

DIGITS: Final = "digits"
SYMBOLS: Final = "symbols that no voice speaks"
SCRIPT: Final = "letters of another script"
EMPTY: Final = "no words"
LONG_WORD: Final = "a word too long to be one"
TOO_SHORT: Final = "too short"
TOO_LONG: Final = "too long"

LONGEST_WORD: Final = 40
"""Letters; longer ones are addresses, file names or slips, except where words are not set apart."""
_MARKS: Final = frozenset(".,?!;:'\"-–—…()¿¡«»„“”‘’。，、？！；：「」『』《》（）—・·،؛؟।\u200c")
_PLAIN: Final = str.maketrans({"‘": "'", "’": "'", "ʼ": "'", "“": '"', "”": '"', "\u00a0": " ", "\u2011": "-"})


@dataclass(frozen=True)
class Lengths:
    """How long a text may be, in words, or in letters where the language sets no spaces."""

    fewest: int = 1
    most: int = 60

    def __post_init__(self) -> None:
        if not 1 <= self.fewest <= self.most:
            raise ConfigError(f"lengths of {self.fewest} to {self.most} words; wanted one at least, most no less")

    def trouble(self, text: str, language: Language) -> str:
        """Why the text's length does not do; empty where it does."""
        length = language.length(text)
        return TOO_SHORT if length < self.fewest else TOO_LONG if length > self.most else ""


def plain(text: str) -> str:
    """The same words with one space between them, straight quotes in place of curly ones, letters composed (NFC)."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_PLAIN).split())


def trouble(text: str, language: Language, *, digits: bool = False) -> str:
    """Why a voice cannot say `text`, in a few words that can be counted by; empty where it can.

    With `digits`, numbers may be written as digits: how they are read is then up to the voice.
    """
    seen = ""
    for letter in text:
        kind = unicodedata.category(letter)
        if kind in ("Lu", "Ll", "Lt", "Lo", "Lm"):
            if not language.owns(letter):
                return SCRIPT
            seen = seen or letter
        elif kind == "Nd":
            if not digits:
                return DIGITS
            seen = seen or letter
        elif kind[0] != "M" and letter not in _MARKS and letter != " ":
            return SYMBOLS
    if not seen:
        return EMPTY
    if language.spaced and any(len(word) > LONGEST_WORD for word in re.split(r"[\s—–-]+", text)):
        return LONG_WORD
    return ""
