"""A text to be read aloud, cut into pieces that are each read in one go. English and Chinese punctuation; no models."""

from __future__ import annotations

import re
from typing import Final

_SHORT: Final = 16
"""Sentences shorter than this are read with a neighbour where both fit: alone they sound clipped."""
_ABBREVIATIONS: Final = frozenset(("mr", "mrs", "ms", "dr", "st", "prof", "sr", "jr", "vs", "e.g", "i.e", "approx"))
_SENTENCE_END: Final = re.compile(r"(?:[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]+[”’」』）]*)\s*|\n\s*\n\s*")
_CLAUSE_END: Final = re.compile(r"(?:[,;:—–][\"'”’)\]]*(?=\s)|[，；：、])\s*")
_SPACE: Final = re.compile(r"\s+")


def readings(text: str, longest: int) -> list[str]:
    """Cut `text` into pieces of at most `longest` characters, at sentence ends where that is possible.

    Longer sentences are cut at clauses, then between words, and only a word longer than that is cut inside. White space
    is made single; apart from that the pieces, joined by spaces where they were apart, are the text. [] for no text.
    """
    pieces: list[str] = []
    for sentence in _split(text.strip(), _SENTENCE_END):
        sentence = _SPACE.sub(" ", sentence).strip()
        if not sentence:
            continue
        short = bool(pieces) and min(len(pieces[-1]), len(sentence)) < _SHORT
        if short and len(pieces[-1]) + 1 + len(sentence) <= longest:
            pieces[-1] = f"{pieces[-1]} {sentence}"
        else:
            pieces += _fitted(sentence, longest)
    return pieces


def _fitted(sentence: str, longest: int) -> list[str]:
    """A sentence in as few pieces as its clauses or else its words allow."""
    if len(sentence) <= longest:
        return [sentence]
    for pattern in (_CLAUSE_END, _SPACE):
        parts = _split(sentence, pattern)
        if all(len(part.strip()) <= longest for part in parts):
            break
    else:
        parts = [word[at : at + longest] for word in parts for at in range(0, len(word), longest)]
    pieces = [""]
    for part in parts:
        if len((pieces[-1] + part).strip()) <= longest:
            pieces[-1] += part
        else:
            pieces.append(part)
    return [piece.strip() for piece in pieces if piece.strip()]


def _split(text: str, end: re.Pattern[str]) -> list[str]:
    """Cut after every match, save behind an abbreviation or an initial; joined, the parts are the text."""
    parts, start = [], 0
    for match in end.finditer(text):
        if match.group().strip() == "." and _goes_on(text[start : match.start()]):
            continue
        parts.append(text[start : match.end()])
        start = match.end()
    return [*parts, text[start:]] if start < len(text) else parts


def _goes_on(before: str) -> bool:
    word = before.rsplit(maxsplit=1)[-1].lower() if before.strip() else ""
    return word.lstrip("\"'“‘([") in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i")
