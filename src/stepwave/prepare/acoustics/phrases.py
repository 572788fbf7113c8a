"""Phrasings from TOML files of this folder: one drawn of the many that a few templates stand for (see `grammar`)."""

import re
import tomllib
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from stepwave.prepare.dialogues.grammar import expand

_WORDS = "\0"


@cache
def phrase_table(name: str) -> dict[str, Any]:
    """One TOML file of this folder: tables of templates, and `rules` that they share."""
    return tomllib.loads(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


@cache
def phrasings(table: str, section: str, key: str) -> tuple[str, ...]:
    """Every phrasing of the templates under `[section] key` of a file; columns are not filled in yet."""
    content = phrase_table(table)
    templates = content[section][key]
    rules = content.get("rules", {})
    found = [text for each in templates for text in expand(each, rules)]
    return tuple(dict.fromkeys(found))


def phrase(table: str, section: str, key: str, chooser: Random, **columns: object) -> str:
    """One phrasing, drawn, with its columns filled in; what someone said (`words`) is put in as it is."""
    said = columns.get("words", "")
    text = chooser.choice(phrasings(table, section, key)).format_map({**columns, "words": _WORDS})
    return tidy(text).replace(_WORDS, str(said))


def tidy(text: str) -> str:
    """`text` with one space between words and a capital at the front of each sentence."""
    text = re.sub(r"\s+([,.!?:;])", r"\1", " ".join(text.split()))
    return re.sub(r"(^|[.!?] )([a-z])", lambda match: match[1] + match[2].upper(), text)


def listed(names: list[str], last: str = "and") -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
"""Small numbers as words, by value."""
