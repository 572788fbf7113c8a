"""In which script a text is written, whether its language is written so, and how many words it has to say.

A check by letters alone: it tells a Chinese transcript from an English one, not English from French.
"""

import unicodedata
from functools import lru_cache
from typing import Final

_IN_LATIN = (
    "af", "ca", "cs", "cy", "da", "de", "en", "es", "et", "eu", "fi", "fr", "ga", "gl", "ha", "hr",
    "hu", "id", "is", "it", "jv", "la", "lb", "ln", "lt", "lv", "ms", "mt", "nl", "no", "oc", "pl",
    "pt", "ro", "sk", "sl", "so", "sq", "sv", "sw", "tl", "tr", "vi", "yo", "zu",
)  # fmt: skip
_CYRILLIC = frozenset({"CYRILLIC"})
_ARABIC = frozenset({"ARABIC"})
_DEVANAGARI = frozenset({"DEVANAGARI"})
_HAN = frozenset({"HAN"})

SCRIPTS: Final = {
    **dict.fromkeys(_IN_LATIN, frozenset({"LATIN"})),
    **dict.fromkeys(("be", "bg", "kk", "ky", "mk", "mn", "ru", "tg", "tt", "uk"), _CYRILLIC),
    **dict.fromkeys(("ar", "fa", "ps", "sd", "ug", "ur"), _ARABIC),
    **dict.fromkeys(("hi", "mr", "ne", "sa"), _DEVANAGARI),
    **dict.fromkeys(("az", "bs", "sr", "uz"), frozenset({"LATIN", "CYRILLIC"})),
    "zh": _HAN,
    "yue": _HAN,
    "ja": frozenset({"HAN", "HIRAGANA", "KATAKANA"}),
    "ko": frozenset({"HANGUL", "HAN"}),
    "th": frozenset({"THAI"}),
    "el": frozenset({"GREEK"}),
    "he": frozenset({"HEBREW"}),
    "yi": frozenset({"HEBREW"}),
    "hy": frozenset({"ARMENIAN"}),
    "ka": frozenset({"GEORGIAN"}),
    "bn": frozenset({"BENGALI"}),
    "as": frozenset({"BENGALI"}),
    "gu": frozenset({"GUJARATI"}),
    "pa": frozenset({"GURMUKHI", "ARABIC"}),
    "ta": frozenset({"TAMIL"}),
    "te": frozenset({"TELUGU"}),
    "kn": frozenset({"KANNADA"}),
    "ml": frozenset({"MALAYALAM"}),
    "si": frozenset({"SINHALA"}),
    "km": frozenset({"KHMER"}),
    "lo": frozenset({"LAO"}),
    "my": frozenset({"MYANMAR"}),
    "bo": frozenset({"TIBETAN"}),
    "am": frozenset({"ETHIOPIC"}),
}
"""Scripts of languages by ISO 639 code; one that is not here is not judged."""

_WITHOUT_SPACES = frozenset({"HAN", "HIRAGANA", "KATAKANA", "THAI"})


def share_in_script(text: str, language: str) -> float | None:
    """Share of letters in a script of the language; None where it is not known or the text holds no letter."""
    wanted = SCRIPTS.get(language)
    scripts = [_script(letter) for letter in text if letter.isalpha()]
    if wanted is None or not scripts:
        return None
    return sum(script in wanted for script in scripts) / len(scripts)


def words_to_say(text: str) -> int:
    """Words, and characters of scripts without spaces one by one: "我爱 jazz" has three."""
    count, inside = 0, False
    for letter in text:
        alone = letter.isalpha() and _script(letter) in _WITHOUT_SPACES
        # An apostrophe, a hyphen or an accent of its own stands inside a word.
        part = letter.isalnum() or (inside and (letter in "'’-" or unicodedata.combining(letter) > 0))
        if alone or (part and not inside):
            count += 1
        inside = part and not alone
    return count


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    # Names begin with the script, and these are the exceptions among those that a transcript may hold.
    first = unicodedata.name(letter, "").removeprefix("FULLWIDTH ").removeprefix("HALFWIDTH ").partition(" ")[0]
    if first in ("CJK", "IDEOGRAPHIC"):
        return "HAN"
    return "KATAKANA" if first == "KATAKANA-HIRAGANA" else first
