"""How many words and syllables a transcript has, for speaking rates: English by spelling, Chinese by characters.

A rule of thumb, not a dictionary: groups of vowel letters count one each, with the silent e and the usual endings taken
off. Single words may be off by one; over a sentence the errors nearly cancel out.
"""

import re
from typing import Final

_WORDS: Final = re.compile(r"[a-z]+(?:'[a-z]+)*|\d+")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_VOWELS: Final = re.compile(r"[aeiouy]+")
_HIATUS: Final = re.compile(
    r"ia(?!l\b|n\b)|io(?!us|n)|[^tscgq]iou|ua(?!r)|eo(?!us|n)|uou|iu|[^g]ya|creat|being|going|doing|poet"
)
"""Two vowel letters that are two syllables: d-i-al, qu-i-et, cr-e-ate."""
_DIGITS: Final = {"0": 2, "7": 2}
"""Syllables of the digits that have not one: zero, seven."""
_SHORT: Final = {
    "the": 1, "every": 2, "business": 2, "people": 2, "something": 2, "sometimes": 2, "someone": 2, "somewhere": 2,
    "evening": 2, "different": 2, "area": 3, "idea": 3, "science": 2, "quiet": 2, "poem": 2, "maybe": 2, "everybody": 4,
    "everyone": 3, "everything": 3,
}  # fmt: skip
"""Frequent words that the rules get wrong."""


def words_in(text: str) -> list[str]:
    """The words of an English text, in lower case and without punctuation; numbers count as one word."""
    return _WORDS.findall(text.lower().replace("’", "'"))


def characters_in(text: str) -> int:
    """Number of Chinese characters; each is a syllable."""
    return len(_HAN.findall(text))


def syllables_in_word(word: str) -> int:
    """Syllables of one word as `words_in` gives it, at least one; the digits of a number are counted one by one."""
    if word.isdigit():
        return sum(_DIGITS.get(digit, 1) for digit in word)
    word = word.split("'")[0] if word.endswith(("'s", "'d", "'ll", "'re", "'ve", "'m")) else word.replace("'", "")
    if word in _SHORT:
        return _SHORT[word]
    count = len(_VOWELS.findall(word)) + len(_HIATUS.findall(word))
    if re.search(r"[^aeiouy]e$", word) and not re.search(r"[^aeiouylr]le$", word):
        count -= 1  # make, time; but: little
    elif re.search(r"[^aeiouydt]ed$", word):
        count -= 1  # walked; but: wanted
    elif re.search(r"[^aeiouyszxcgh]es$|[^cs]hes$", word) and not word.endswith("les"):
        count -= 1  # makes; but: houses
    elif re.search(r"[aeiou][^aeiou]+e(?:ly|ful|less|ment|ness)$", word):
        count -= 1  # lonely, statement
    return max(1, count)


def spoken_units(text: str, language: str) -> tuple[int, int] | None:
    """Words and syllables of a transcript; None for a language whose syllables are not counted here.

    `language` is an ISO 639-1 code; without one, the text's letters decide between English and Chinese.
    """
    characters = characters_in(text)
    if language in ("zh", "") and characters:
        return (characters, characters) if not words_in(text) else None
    if language not in ("en", ""):
        return None
    words = words_in(text)
    return (len(words), sum(map(syllables_in_word, words))) if words else None
