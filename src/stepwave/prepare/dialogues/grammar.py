"""A small grammar of phrasings: one template stands for many questions.

    (a|b)     one of the alternatives
    [a|b]     one of them, or nothing
    <rule>    a named template from a table of rules
    {column}  a value filled in later, from a row of a table

Not held here: the templates themselves and the choice of how many phrasings to use.
"""

import itertools
import re
from collections.abc import Iterator, Mapping

_SPECIAL = re.compile(r"([()\[\]|<>])")
_INTERJECTIONS = re.compile(r"((hey|hi|hello|so|okay|oh|well|and|um|sorry|please)( there)?,? )*")
_ASKING = re.compile(
    r"((what|who|where|how)'s|what(?! an? )|who|whose|where|when|which|why|how|is|are|am|do(?! my | a )|does|did|can"
    r"|could|would|will|shall|should|may|have you|has my|any)\b"
)


def expand(template: str, rules: Mapping[str, str]) -> list[str]:
    """Every phrasing of `template`, each once, in the order of its alternatives.

    Raises ValueError for unbalanced brackets or a rule that `rules` does not name.
    """
    tokens = iter([part for part in _SPECIAL.split(template) if part])
    phrasings = _alternatives(tokens, rules, closing="")
    return list(dict.fromkeys(" ".join(phrasing.split()) for phrasing in phrasings))


def _alternatives(tokens: Iterator[str], rules: Mapping[str, str], closing: str) -> list[str]:
    """Read up to `closing` ("" for the end of the template) and give all strings that part stands for."""
    branches: list[list[list[str]]] = [[]]
    for token in tokens:
        if token == closing:
            break
        if token == "|":
            branches.append([])
        elif token == "(":
            branches[-1].append(_alternatives(tokens, rules, ")"))
        elif token == "[":
            branches[-1].append([*_alternatives(tokens, rules, "]"), ""])
        elif token == "<":
            name, end = next(tokens, ""), next(tokens, "")
            if end != ">" or name not in rules:
                raise ValueError(f"no rule <{name}>: the rules are {', '.join(sorted(rules))}")
            branches[-1].append(expand(rules[name], rules))
        elif token in ")]>":
            raise ValueError(f"{token!r} closes nothing here, wanted {closing or 'the end'!r}")
        else:
            branches[-1].append([token])
    else:
        if closing:
            raise ValueError(f"a bracket is open, {closing!r} is missing")
    return ["".join(parts) for branch in branches for parts in itertools.product(*branch)]


def sentence(text: str) -> str:
    """`text` with one space between words, a capital at the front, and a full stop or question mark at the end."""
    text = re.sub(r"\s+([,.!?:])", r"\1", " ".join(text.split()))
    text = text[0].upper() + text[1:]
    if text[-1] in ".!?":
        return text
    said = text.lower().rsplit(": ", 1)[-1]
    asking = _ASKING.match(_INTERJECTIONS.sub("", said, count=1))
    return text + ("?" if asking else ".")


def normalised(text: str) -> str:
    """`text` as a listener tells it apart from others: lower case, no punctuation, contractions written out."""
    text = re.sub(r"\b(what|who|where|it|that)'s\b", r"\1 is", text.lower())
    return " ".join(re.sub(r"[^a-z' ]", " ", text).split())
