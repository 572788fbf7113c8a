"""Written English made fit to be spoken by rules: markup away, numbers as words, contractions, shorter answers.

Sentences around a bare address are left out. What cannot be said at all (code, tables) is left as it is: the check on
speakable text finds it and the row is dropped.
"""

import re
from typing import Final

from stepwave.prepare.writing.languages import language_named
from stepwave.prepare.writing.numbers import spoken_numbers
from stepwave.prepare.writing.sentences import sentences
from stepwave.prepare.writing.speakable import plain

_ENGLISH: Final = language_named("en")
_ADDRESS: Final = "\ufffc"
"""Stands for a bare address until its sentence is left out."""
_MARKUP: Final = (
    (re.compile(r"!\[[^\]]*\]\([^)]*\)"), ""),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"<?\bhttps?://[^\s>)]*[^\s>).,;:!?]>?|\bwww\.\S+\w"), _ADDRESS),
    (re.compile(r"^\s*(?:[-*_] ?){3,}$", re.MULTILINE), ""),
    (re.compile(r"^\s*#{1,6}\s*(.*?)\s*#*$", re.MULTILINE), r"\1"),
    (re.compile(r"^\s*>\s?", re.MULTILINE), ""),
    (re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+", re.MULTILINE), ""),
    (re.compile(r"(?<!`)`([^`\n]+)`(?!`)"), r"\1"),
    (re.compile(r"\*\*\*?(?=\S)(.+?)(?<=\S)\*\*\*?"), r"\1"),
    (re.compile(r"(?<![\w_])__?(?=\S)(.+?)(?<=\S)__?(?![\w_])"), r"\1"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"[\U0001F000-\U0001FAFF\u2600-\u27BF\uFE0F\u200D]"), ""),
    (re.compile(r"\(\s*\)|\[\s*\]"), ""),
)
_WORDS: Final = (
    (re.compile(r"\be\.g\.,?(?=\s)"), "for example"),
    (re.compile(r"\bi\.e\.,?(?=\s)"), "that is,"),
    (re.compile(r"\betc\.(?=\s+[a-z,;])"), "and so on"),
    (re.compile(r"\betc\."), "and so on."),
    (re.compile(r"\bvs\.?(?=\s)"), "versus"),
    (re.compile(r"\bapprox\.(?=\s)"), "about"),
    (re.compile(r"\b(?:No|no)\. ?(?=\d)"), "number "),
    (re.compile(r"(?<=\w) ?& ?(?=\w)"), " and "),
    (re.compile(r"(?<=\w) ?\+ ?(?=\w)"), " plus "),
    (re.compile(r"(?<=[\w)]) ?= ?(?=[\w(])"), " equals "),
    (re.compile(r"(?<=\d) ?[×x*] ?(?=\d)"), " times "),
    (re.compile(r"~ ?(?=\d)"), "about "),
    (re.compile(r"#(?=\d)"), "number "),
    (re.compile(r"\band/or\b"), "or"),
    (re.compile(r"(?<=[A-Za-z])(?<!\bkm)/(?=[A-Za-z])"), " or "),
)
_NOT: Final = re.compile(
    r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should|must|need) not\b(?=\s+\w)", re.IGNORECASE
)
_BEFORE: Final = r"(?:^|(?<=[.!?,;:] )|(?<=\band )|(?<=\bbut )|(?<=\bso )|(?<=\bbecause )|(?<=\bif )|(?<=\bthink ))"
_AFTER: Final = r"(?= (?!not\b)\w)"
_SHORTENED: Final = (
    (re.compile(r"\b(c)annot\b", re.IGNORECASE), r"\1an't"),
    (re.compile(r"\b(w)ill not\b(?=\s+\w)", re.IGNORECASE), r"\1on't"),
    (_NOT, r"\1n't"),
    (re.compile(rf"{_BEFORE}(I) am\b(?= \w)"), r"\1'm"),
    (re.compile(rf"{_BEFORE}(you|we|they) are\b{_AFTER}", re.IGNORECASE), r"\1're"),
    (re.compile(rf"{_BEFORE}(he|she|it|that|there|what) is\b{_AFTER}", re.IGNORECASE), r"\1's"),
    (re.compile(rf"{_BEFORE}(I|you|he|she|it|we|they) will\b{_AFTER}", re.IGNORECASE), r"\1'll"),
    (re.compile(rf"{_BEFORE}(I|you|we|they) have(?= (?:been|had|seen|heard|got|never)\b)", re.IGNORECASE), r"\1've"),
    (re.compile(r"\b(l)et us(?= \w)", re.IGNORECASE), r"\1et's"),
)  # fmt: skip


def spoken_english(text: str, most_words: int) -> str:
    """`text` as it would be said: its first sentences that have `most_words` words together, one at least."""
    for pattern, instead in _MARKUP:
        text = pattern.sub(instead, text)
    text = " ".join(_ended(line) for line in text.splitlines() if line.strip())
    kept: list[str] = []
    words = 0
    for sentence in (_said(each) for each in sentences(text, _ENGLISH) if _ADDRESS not in each):
        words += len(sentence.split())
        if kept and words > most_words:
            break
        kept.append(sentence)
    return " ".join(kept)


def _said(sentence: str) -> str:
    for pattern, instead in _WORDS:
        sentence = pattern.sub(instead, sentence)
    sentence = plain(spoken_numbers(plain(sentence)))
    for pattern, instead in _SHORTENED:
        sentence = pattern.sub(instead, sentence)
    sentence = re.sub(r" +([,.!?;:])", r"\1", sentence)
    return sentence[:1].upper() + sentence[1:]


def _ended(line: str) -> str:
    """A line of a list or a heading as a sentence of its own."""
    line = line.strip()
    return line if line[-1] in ".!?,;:…\"')" else f"{line}."
