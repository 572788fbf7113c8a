"""Who speaks which part of a script: one voice per speaker and record, dealt from a library."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from stepwave.data.records import Record, Turn
from stepwave.facts.errors import DataError
from stepwave.prepare.pipeline.steps import short_digest
from stepwave.prepare.speaking.library import LibraryVoice, deal

CAST = "cast"
"""In a record's details: voice by speaker."""


def speaker(turn: Turn) -> str:
    """Who speaks a turn: the speaker it names, or its role; somebody else once another voice was asked for."""
    name = turn.speaker or turn.role
    return f"{name} as {turn.style['voice']}" if "voice" in turn.style else name


def cast(
    scripts: Iterable[Record], libraries: Mapping[str, tuple[LibraryVoice, ...]], seed: int, language: str
) -> Iterator[Record]:
    """Scripts with `details["cast"]`, in their order.

    Args:
        scripts: records with turns to be spoken; others are passed over.
        libraries: voices by speaker; `""` for whoever is not named.
        seed: decides who speaks what.
        language: of turns that name none.

    Raises:
        ConfigError: no voice speaks a language that is wanted.
    """
    dealt: dict[tuple[str, str], Iterator[str]] = {}

    def voice(name: str, spoken: str) -> str:
        voices = libraries.get(name, libraries[""])
        # Speakers who share a library share its deck, or each would begin with the same even shares anew.
        owner = name if name in libraries else ""
        if (owner, spoken) not in dealt:
            fitting = [each for each in voices if each.language == spoken]
            dealt[owner, spoken] = deal(fitting, seed, f"{name or 'everybody'} in {spoken}")
        return next(dealt[owner, spoken])

    for script in scripts:
        parts = {speaker(turn): turn.language or language for turn in script.turns if turn.spoken and turn.clip is None}
        if parts:
            chosen = {name: voice(name, spoken) for name, spoken in parts.items()}
            yield replace(script, details={**script.details, CAST: chosen})


def clip_id(script: Record, index: int, voice: str) -> str:
    """Id of the clip of one turn: what makes its sound decides it."""
    turn = script.turns[index]
    if not turn.text.strip():
        raise DataError(f"turn {index} of {script.id} is to be spoken but has no words")
    return short_digest("clip", script.id, index, voice, turn.text, dict(turn.style))
