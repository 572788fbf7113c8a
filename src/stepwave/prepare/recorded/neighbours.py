"""Utterances of one recording that follow each other, and what is made of them: how a recording goes on."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Final

from stepwave.data.records import Clip, Kind, Record, Turn
from stepwave.prepare.pipeline.steps import short_digest
from stepwave.prepare.recorded.sounds import spoken_turn

LONGEST_PAUSE: Final = 3.0
"""Seconds between two utterances, unless told otherwise, up to which the second goes on from the first."""


def chains(records: Iterable[Record], longest_pause: float = LONGEST_PAUSE) -> Iterator[list[Record]]:
    """Records in chains of neighbours, in order; one that has no neighbour is a chain of its own.

    Neighbours stand together in the manifest, as `segment` and `ingest` leave them. They have transcripts and agree in
    voice, language, split and `details["recording"]`; `details["index"]` (`position` from `ingest`) rises by one from
    each to the next, and where `details["start"]` is known, no more than `longest_pause` lies between them. A record of
    another shape has no neighbours.
    """
    for recording, found in groupby(records, key=_recording):
        if recording is None:
            yield from ([record] for record in found)
            continue
        chain: list[Record] = []
        for record in sorted(found, key=lambda record: _place(record) or 0):
            if chain and not _follows(chain[-1], record, longest_pause):
                yield chain
                chain = []
            chain.append(record)
        yield chain


def loose_end(record: Record) -> str:
    """Why a record has no neighbour, in words to count by. Raises DataError where it is no recording at all."""
    spoken_turn(record)
    if _recording(record) is None:
        return "no recording and index given"
    return "no neighbour" if record.turns[0].text.strip() else "missing transcript"


def going_on(before: Record, after: Record, *, written: bool = False) -> Record:
    """A `continuation`: the human is heard as `before`, the assistant goes on as `after`, in sound or in writing."""
    heard, _ = spoken_turn(before)
    said, clip = spoken_turn(after)
    turns = (
        replace(heard, role="human"),
        assistant_turn(said, None if written else clip, pause_between(before, after)),
    )
    return made_of("continuation", [before, after], turns)


def assistant_turn(said: Turn, clip: Clip | None, pause: float) -> Turn:
    """A turn of a recording as the assistant's, spoken with `clip` or written without."""
    spoken = clip is not None
    return replace(said, role="assistant", clip=clip, spoken=spoken, pause=pause if spoken else 0.0)


def pause_between(before: Record, after: Record) -> float:
    """Seconds from the end of one to the beginning of the next; 0 where nobody knows."""
    first, second = before.details.get("start"), after.details.get("start")
    if first is None or second is None:
        return 0.0
    return max(0.0, round(float(second) - float(first) - before.seconds, 4))


def made_of(kind: Kind, parts: list[Record], turns: tuple[Turn, ...]) -> Record:
    """A record of another kind from parts of one recording; `details["parts"]` are their ids."""
    names = [part.id for part in parts]
    details = {"recording": parts[0].details["recording"], "parts": names}
    return replace(parts[0], id=short_digest(kind, *names), kind=kind, turns=turns, details=details)


def _recording(record: Record) -> str | None:
    named = "recording" in record.details and _place(record) is not None
    return str(record.details["recording"]) if named and len(record.turns) == len(record.clips) == 1 else None


def _place(record: Record) -> int | None:
    """Which utterance of its recording it is."""
    place = record.details.get("index", record.details.get("position"))
    return place if isinstance(place, int) else None


def _follows(before: Record, after: Record, longest_pause: float) -> bool:
    (one, clip), (other, next_clip) = spoken_turn(before), spoken_turn(after)
    if (_place(after) or 0) != (_place(before) or 0) + 1 or not (one.text.strip() and other.text.strip()):
        return False
    alike = (one.language, clip.voice, before.split) == (other.language, next_clip.voice, after.split)
    return alike and pause_between(before, after) <= longest_pause
