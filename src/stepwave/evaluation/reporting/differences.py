"""A reference and a hypothesis with the words marked in which they differ."""

import difflib
from typing import Final

from stepwave.prepare.show.markup import Html, escaped, joined

MOST_COMPARED: Final = 1_500
"""Words (or characters) of a text up to which it is compared; comparing takes the square of that."""
MOST_CHARACTERS: Final = 4_000
"""Of a text that are shown."""


def marked(reference: str, hypothesis: str) -> tuple[Html, Html]:
    """Both texts, with `del` around what the hypothesis lacks and `ins` around what it has instead or besides.

    Texts without spaces are compared by characters.
    """
    spaced = " " in reference.strip() or " " in hypothesis.strip()
    wanted, found = (text.split() if spaced else list(text.strip()) for text in (reference, hypothesis))
    long = max(len(reference), len(hypothesis)) > MOST_CHARACTERS or max(len(wanted), len(found)) > MOST_COMPARED
    if long or not wanted or not found:
        return _wrapped("del", reference, bool(wanted) and not long), _wrapped("ins", hypothesis, not long)
    between = " " if spaced else ""
    left, right = [], []
    for kind, start, end, begin, stop in difflib.SequenceMatcher(None, wanted, found, False).get_opcodes():
        one, other = between.join(wanted[start:end]), between.join(found[begin:stop])
        left += [_wrapped("del", one, kind != "equal")] if one else []
        right += [_wrapped("ins", other, kind != "equal")] if other else []
    return joined(left, between), joined(right, between)


def _wrapped(tag: str, text: str, marking: bool) -> Html:
    shown = escaped(text, MOST_CHARACTERS)
    return Html(f"<{tag}>{shown}</{tag}>") if marking and text else shown
