"""A plain entry, a sound with its words, as a record of the kind that a source declares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from stepwave.data.records import Clip, Kind, Record, Turn
from stepwave.data.sources.contract import SourceConfig
from stepwave.facts.errors import ConfigError, DataError


@dataclass(frozen=True)
class Entry:
    """What lists of speech say of a recording."""

    clip: Clip | None
    """None where an entry is text alone."""
    text: str = ""
    language: str = ""
    """ISO 639-1."""
    speaker: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def plain_kind(config: SourceConfig) -> Kind:
    """What the entries of a source become: what it declares, `asr` where it declares nothing.

    Raises ConfigError for a kind that is not made of a sound with its words.
    """
    kind: Kind = config.kind or "asr"
    if kind not in _TURNS:
        raise ConfigError(
            f"entries of {config.address} are a sound with its words, which gives {', '.join(_TURNS)}, but not {kind}; "
            "write records of that kind with `stepwave prepare` and name their manifest"
        )
    return kind


def as_record(entry: Entry, name: str, kind: Kind, config: SourceConfig) -> Record:
    """The record of an entry called `name`.

    Nothing says which part a plain entry belongs to but the address, so that it is of the split that is asked for.

    Raises DataError where sound or words are missing that the kind needs.
    """
    turns = _turns(entry, kind)
    return Record(name, kind, turns, config.address, split=config.split or "train", details=entry.details)


def taken_as(record: Record, kind: Kind | None) -> Record:
    """A record of a manifest where a source declares a kind: `speech` is a plain entry, others tell theirs.

    Raises DataError as `as_record` does.
    """
    if kind is None or record.kind != "speech" or not record.turns:
        return record
    turn = record.turns[0]
    return replace(record, kind=kind, turns=_turns(Entry(turn.clip, turn.text, turn.language, turn.speaker), kind))


def _turns(entry: Entry, kind: Kind) -> tuple[Turn, ...]:
    if entry.clip is None and kind != "text":
        raise DataError(f"the entry has no sound, which a record of the kind {kind} needs")
    if not entry.text.strip() and kind != "speech":
        raise DataError(f"the entry has no words, which a record of the kind {kind} needs")
    return _TURNS[kind](entry)


def _heard(entry: Entry, text: str) -> Turn:
    return Turn("human", text, entry.clip, spoken=True, language=entry.language, speaker=entry.speaker)


def _transcription(entry: Entry) -> tuple[Turn, ...]:
    return _heard(entry, entry.text), Turn("assistant", entry.text, language=entry.language)


def _reading(entry: Entry) -> tuple[Turn, ...]:
    said = Turn("assistant", entry.text, entry.clip, spoken=True, language=entry.language, speaker=entry.speaker)
    return Turn("human", entry.text, language=entry.language), said


def _caption(entry: Entry) -> tuple[Turn, ...]:
    return _heard(entry, ""), Turn("assistant", entry.text, language=entry.language)


def _words(entry: Entry) -> tuple[Turn, ...]:
    return (Turn("human", entry.text, language=entry.language),)


_TURNS: Final[Mapping[Kind, Callable[[Entry], tuple[Turn, ...]]]] = {
    "asr": _transcription,
    "tts": _reading,
    "speech": lambda entry: (_heard(entry, entry.text),),
    "caption": _caption,
    "text": _words,
}
