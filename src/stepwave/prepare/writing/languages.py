"""The languages whose sentences are checked before they are spoken: their names, scripts and unit of length."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stepwave.facts.errors import RegistryError


@dataclass(frozen=True)
class Language:
    """What has to be known of a language to tell its sentences from others."""

    code: str
    """ISO 639-1."""
    name: str
    """In English, as a prompt says it."""
    scripts: tuple[str, ...] = ("LATIN",)
    """First words of its letters' Unicode names."""
    spaced: bool = True
    """Whether words are set apart; where not, length is counted in letters."""

    def owns(self, letter: str) -> bool:
        """Whether a letter belongs to its script."""
        return unicodedata.name(letter, "").startswith(self.scripts)

    def length(self, text: str) -> int:
        """Words, or letters in a language without spaces."""
        return len(text.split()) if self.spaced else sum(letter.isalnum() for letter in text)


_HAN: Final = ("CJK UNIFIED", "IDEOGRAPHIC")
_KANA: Final = ("HIRAGANA", "KATAKANA")
_ALL: Final = (
    *(
        Language(code, name)
        for code, name in {
            "cs": "Czech", "da": "Danish", "de": "German", "en": "English", "es": "Spanish", "fi": "Finnish",
            "fr": "French", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "nb": "Norwegian", "nl": "Dutch",
            "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "sv": "Swedish", "tr": "Turkish",
            "vi": "Vietnamese",
        }.items()
    ),
    Language("ar", "Arabic", ("ARABIC",)),
    Language("el", "Greek", ("GREEK",)),
    Language("fa", "Persian", ("ARABIC",)),
    Language("he", "Hebrew", ("HEBREW",)),
    Language("hi", "Hindi", ("DEVANAGARI",)),
    Language("ja", "Japanese", (*_HAN, *_KANA), spaced=False),
    Language("ko", "Korean", ("HANGUL",)),
    Language("ru", "Russian", ("CYRILLIC",)),
    Language("th", "Thai", ("THAI",), spaced=False),
    Language("uk", "Ukrainian", ("CYRILLIC",)),
    Language("zh", "Mandarin Chinese", _HAN, spaced=False),
)  # fmt: skip
LANGUAGES: Final[Mapping[str, Language]] = {language.code: language for language in _ALL}
"""Every known language by its code."""


def language_named(code: str) -> Language:
    """The language of an ISO 639-1 code. Raises RegistryError, which lists the known ones."""
    try:
        return LANGUAGES[code]
    except KeyError:
        known = ", ".join(sorted(LANGUAGES))
        raise RegistryError(f"no language is known as {code!r}; wanted one of: {known}") from None
