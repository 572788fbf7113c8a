"""Running text cut into sentences, by the marks that end them."""

import re
from typing import Final

from stepwave.prepare.writing.languages import Language

_SPACED_END: Final = re.compile(r"[.!?…؟।]+[\"')»]*(?=\s)")
_UNSPACED_END: Final = re.compile(r"[。！？!?]+[」』）\"]*")
_NO_END: Final = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|e\.g|i\.e|[^\W\d_])\.$")
_OPENING: Final = " \n\t\"'(«„¿¡"


def sentences(text: str, language: Language) -> list[str]:
    """`text` in sentences; titles and initials ("Dr. Lee") end none, nor does a mark before a small letter."""
    found: list[str] = []
    start = 0
    for match in (_SPACED_END if language.spaced else _UNSPACED_END).finditer(text):
        following = text[match.end() :].lstrip(_OPENING)[:1]
        if language.spaced and (following.islower() or _NO_END.search(text[start : match.end()])):
            continue
        found.append(text[start : match.end()].strip())
        start = match.end()
    return [*found, text[start:].strip()] if text[start:].strip() else found
