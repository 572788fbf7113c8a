"""The scripts as records: what is asked under which intent, and what is answered, read from the TOML files beside it.

An intent has phrasings and a few answers that fit all of them. A table has the same for each of its rows, with the
columns filled in. Reading only; choosing phrasings is in `everyday`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from stepwave.prepare.dialogues.arithmetic import difference_rows, next_number_rows, sum_rows
from stepwave.prepare.dialogues.grammar import expand

SCRIPTS = (
    "greetings",
    "about_me",
    "feelings",
    "fun",
    "honest",
    "unknown",
    "world",
    "words_and_time",
    "numbers",
    "repeat",
)
_GENERATED_ROWS = {"sum": sum_rows, "difference": difference_rows, "next_number": next_number_rows}


@dataclass(frozen=True)
class Script:
    """One intent: templates of questions, answers, and the rows both are filled from."""

    name: str
    """Name of the intent, unique over all scripts."""
    questions: tuple[str, ...]
    """Templates of what is asked (see `grammar`)."""
    answers: tuple[str, ...]
    """Templates of what is answered; each of them fits each question."""
    most: int
    """How many phrasings to use at most, per row."""
    columns: tuple[str, ...] = ()
    """Names of the columns; none for an intent without a table."""
    rows: tuple[tuple[str, ...], ...] = field(default=((),))
    """Values of the columns; one empty row for an intent without a table."""

    def __post_init__(self) -> None:
        if not self.questions or not self.answers or not self.rows or self.most < 1:
            raise ValueError(f"{self.name}: questions, answers, rows and a positive number of phrasings are wanted")
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"{self.name}: each row needs {len(self.columns)} values, for {', '.join(self.columns)}")

    def phrasings(self, row: tuple[str, ...]) -> list[list[str]]:
        """All questions about one row, as one list per template."""
        return [[self._filled(text, row) for text in expand(each, rules())] for each in self.questions]

    def answers_for(self, row: tuple[str, ...]) -> list[str]:
        """All answers about one row."""
        return [self._filled(answer, row) for answer in self.answers]

    def _filled(self, text: str, row: tuple[str, ...]) -> str:
        return text.format_map(dict(zip(self.columns, row, strict=True)))


def read(name: str) -> dict[str, Any]:
    """One of the TOML files in `scripts`."""
    return tomllib.loads(files(__package__).joinpath("scripts", f"{name}.toml").read_text(encoding="utf-8"))


@cache
def rules() -> Mapping[str, str]:
    """The named templates that scripts share."""
    return dict(read("rules")["rules"])


@cache
def all_scripts() -> tuple[Script, ...]:
    """Every intent, in the order of the files."""
    scripts: dict[str, Script] = {}
    for name in SCRIPTS:
        document = read(name)
        for entry in [*document.pop("table", []), *document.pop("intent", [])]:
            script = _script(entry, scripts)
            if script.name in scripts:
                raise ValueError(f"{script.name}: two intents have this name")
            scripts[script.name] = script
        if document:
            raise ValueError(f"{name}.toml holds {', '.join(document)}; only [[intent]] and [[table]] are known")
    return tuple(scripts.values())


def _script(entry: dict[str, Any], earlier: Mapping[str, Script]) -> Script:
    """A record from its TOML table; `answers_from` takes over every answer of an earlier table."""
    name = entry.pop("name")
    questions = tuple(entry.pop("questions"))
    source = entry.pop("answers_from", None)
    if source is None:
        answers = tuple(entry.pop("answers"))
    else:
        answers = tuple(answer for row in earlier[source].rows for answer in earlier[source].answers_for(row))
    columns = tuple(entry.pop("columns", ()))
    if columns:
        rows = tuple(map(tuple, entry.pop("rows"))) if "rows" in entry else _GENERATED_ROWS[name]()
        most = entry.pop("each", 6)
    else:
        rows, most = ((),), entry.pop("most", 30)
    if entry:
        raise ValueError(f"{name}: {', '.join(entry)} not known")
    return Script(name, questions, answers, most, columns, rows)
