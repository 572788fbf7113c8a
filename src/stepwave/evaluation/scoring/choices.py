"""Which option of a multiple-choice question an answer chooses.

Two rules with names, since they give different figures:

`mmau/1` is MMAU's own evaluation: texts are sets of lower-case words; an answer is right if it holds every word of the
right option and no word that only wrong options hold. Whatever else it says is wrong, an empty answer and one that
cannot be read included.

`chosen/1` first finds which option was chosen, and calls an answer that chooses none, or several, unreadable: a failure
that is counted apart. See `chosen_option`.

Both look into the last `<RESPONSE>` of the answer, where there is one, since the question asks for it.
"""

import re
import string
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from stepwave.evaluation.answers import UnscorableError
from stepwave.facts.registry import Registry

_THINKING: Final = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL | re.IGNORECASE)
_TAG: Final = re.compile(r"<RESPONSE>", re.IGNORECASE)
_END: Final = re.compile(r"</RESPONSE>", re.IGNORECASE)
_WORD: Final = re.compile(r"\b\w+\b")
_LABEL: Final = re.compile(r"\(?([A-Za-z])[).:、：]\s*")
_LETTER_ALONE: Final = re.compile(r"\W*([A-Za-z])\W*")
_LETTER_FIRST: Final = re.compile(r"\W*([A-Z])(?:[).:、：,]|\s*[-–—])(?!\w)")
_LETTER_NAMED: Final = re.compile(
    r"(?:\b(?:answer|option|choice)\b\s*(?:is|:)?|答案\s*(?:是|为|:|：)?|选项?|選)\s*[(\"'*]*([A-Z])(?![\w'])(\s+\w)?",
    re.IGNORECASE,
)


def response(answer: str) -> str:
    """What an answer gives as its response: what stands in its last `<RESPONSE>`, else all but its thinking."""
    said = _THINKING.sub(" ", answer)
    parts = _TAG.split(said)
    return _END.split(parts[-1])[0].strip() if len(parts) > 1 else said.strip()


def chosen_option(answer: str, options: Sequence[str]) -> int:
    """The number of the option that an answer chooses, 0 for the first, by the rule `chosen/1`.

    In this order: the response is an option's text, or its label and text; it is a letter alone, begins with one
    ("B)", "C."), or names one ("the answer is D", "答案是B"); it holds the words of just one option (an option within a
    longer one that is there too does not count). Case, width and punctuation do not matter. Options may carry labels of
    their own ("(A) rain").

    Raises UnscorableError, saying why, where no option or more than one is chosen, and where a letter and the text
    beside it point at different options.
    """
    said = unicodedata.normalize("NFKC", response(answer))
    texts = [_words(_without_label(option)) for option in options]
    for candidate in (said, _without_label(said)):
        equal = [number for number, text in enumerate(texts) if text and text == _words(candidate)]
        if len(equal) == 1 and (candidate == said or _letter(said, len(options)) in (None, equal[0])):
            return equal[0]
    letter, held = _letter(said, len(options)), _held(_words(said), texts)
    if letter is not None:
        if held and letter not in held:
            raise UnscorableError(f"the answer names one option and words another: {_short(said)}")
        return letter
    if len(held) == 1:
        return held[0]
    raise UnscorableError(f"the answer chooses {'several options' if held else 'no option'}: {_short(said)}")


def mmau_right(answer: str, options: Sequence[str], right: int) -> bool:
    """Whether an answer is right by the rule `mmau/1`."""
    said, wanted = _word_set(response(answer)), _word_set(options[right])
    wrong = set[str]().union(*(_word_set(option) - wanted for option in options))
    return bool(said) and wanted <= said and said.isdisjoint(wrong)


def chosen_right(answer: str, options: Sequence[str], right: int) -> bool:
    """Whether an answer is right by the rule `chosen/1`. Raises UnscorableError for an unreadable one."""
    return chosen_option(answer, options) == right


ChoiceRule = Callable[[str, Sequence[str], int], bool]
"""From an answer, the options and the number of the right one: whether it is right. May raise UnscorableError."""

CHOICE_RULES: Final[Registry[ChoiceRule]] = Registry("choice rule")
"""The rules by their names, which are stored beside figures."""
CHOICE_RULES.register("mmau/1", mmau_right)
CHOICE_RULES.register("chosen/1", chosen_right)


def _word_set(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _words(text: str) -> tuple[str, ...]:
    """Words in lower case; each ideograph is a word, for Chinese has no spaces."""
    return tuple(re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+", text.casefold()))


def _without_label(text: str) -> str:
    stripped = unicodedata.normalize("NFKC", text).strip(" \n\t\"'*`")
    label = _LABEL.match(stripped)
    return stripped[label.end() :] if label and label.end() < len(stripped) else stripped


def _letter(said: str, count: int) -> int | None:
    """The option that a letter points at; None for none. Letters that are words ("A dog", "I") don't count."""
    found = set()
    if match := _LETTER_ALONE.fullmatch(said) or _LETTER_FIRST.match(said):
        found.add(match[1].upper())
    for match in _LETTER_NAMED.finditer(said):
        if not (match[2] and match[1] in "aAiI"):
            found.add(match[1].upper())
    known = {string.ascii_uppercase.index(letter) for letter in found}
    if len(known) > 1:
        raise UnscorableError(f"the answer names several options: {_short(said)}")
    number = known.pop() if known else None
    return number if number is not None and number < count else None


def _held(said: tuple[str, ...], texts: Sequence[tuple[str, ...]]) -> list[int]:
    """Options whose words stand in the answer one after the other, but for those within a longer one's words."""
    places = [(number, start, start + len(text)) for number, text in enumerate(texts) for start in _places(said, text)]
    return sorted(
        {
            number
            for number, start, end in places
            if not any(one <= start and end <= other and other - one > end - start for _, one, other in places)
        }
    )


def _places(said: tuple[str, ...], text: tuple[str, ...]) -> list[int]:
    if not text:
        return []
    return [start for start in range(len(said) - len(text) + 1) if said[start : start + len(text)] == text]


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
