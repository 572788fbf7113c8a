"""Exchanges made into the script of a spoken conversation: instructions, languages, speakers, pauses."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from stepwave.data.records import Turn
from stepwave.prepare.dialogues.everyday import Split
from stepwave.prepare.writing.languages import language_named
from stepwave.prepare.writing.pauses import pause_before
from stepwave.prepare.writing.speakable import trouble
from stepwave.prepare.writing.styles import Exchange, Instructions


def script(
    exchanges: Sequence[Exchange], instructions: Instructions, split: Split, seed: int, random: Random
) -> tuple[Turn, ...]:
    """Turns to be spoken, human and assistant in alternation; the first one follows no pause."""
    written = instructions.inserted(exchanges, split, seed, random)
    return tuple(
        replace(
            turn,
            spoken=True,
            language=instructions.language,
            speaker=turn.role,
            pause=pause_before(turn.role, random) if number else 0.0,
        )
        for number, turn in enumerate(written)
    )


def unspeakable(turns: Sequence[Turn]) -> tuple[str, str]:
    """Why the first turn that no voice can say cannot be said, and its words; empty where all can."""
    for turn in turns:
        reason = trouble(turn.text, language_named(turn.language)) if turn.spoken else ""
        if reason:
            return reason, turn.text
    return "", ""
