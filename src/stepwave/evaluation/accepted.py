"""Which answers are right to a question of nano's everyday talk: all those that its script gives for its row."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeAlias

from stepwave.prepare.dialogues import everyday_dialogues
from stepwave.prepare.dialogues.grammar import normalised, sentence
from stepwave.prepare.dialogues.scripts import Script, all_scripts

Row: TypeAlias = tuple[str, ...]


def accepted_answers(seed: int, clinc: Path | None) -> Callable[[str], tuple[str, ...]]:
    """A function from a question to its accepted answers, none for a question that no dialogue asks.

    `seed` and `clinc` (clinc150.json) as the dialogues were drawn with. Raises ConfigError where `clinc` is unreadable.
    """
    dialogues = {normalised(dialogue.question): dialogue for dialogue in everyday_dialogues(seed, clinc)}
    scripts = {script.name: script for script in all_scripts()}
    tables = cache(lambda name: _asked_about(scripts[name]))

    def accepted(question: str) -> tuple[str, ...]:
        dialogue = dialogues.get(normalised(question))
        if dialogue is None:
            return ()
        script = scripts[dialogue.intent]
        # A question from elsewhere is in no phrasing: without a table, all answers of its intent fit it.
        rows = tables(script.name).get(normalised(question), [] if script.columns else list(script.rows))
        fitting = [sentence(answer) for row in rows for answer in script.answers_for(row)]
        return tuple(dict.fromkeys([dialogue.answer, *fitting]))

    return accepted


def _asked_about(script: Script) -> dict[str, list[Row]]:
    """The rows that each phrasing of a script asks about; more than one only where both answers are right."""
    rows: dict[str, list[Row]] = {}
    for row in script.rows:
        for texts in script.phrasings(row):
            for text in texts:
                rows.setdefault(normalised(text), []).append(row)
    return rows
