"""One thing asked of a model: its words and sounds, what was said before, what may be called, and what would be right.

Plain data that lies in a run's files beside the answers, so that scoring needs nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, TypeAlias

from stepwave.facts.errors import DataError
from stepwave.text.schemas import ToolSchema

Side: TypeAlias = Literal["user", "assistant", "tool"]
"""Who says a turn; `tool` is what a call came to."""


@dataclass(frozen=True)
class Sound:
    """A recording, or a stretch of a longer one. It is opened when it is asked about, not when it is listed."""

    path: str
    """Where the file lies."""
    digest: str = ""
    """SHA-256 of the file, or of the recording's bytes in a shard, in hex; empty where nobody told. A recording with
    another one fails its item."""
    start: float = 0.0
    """Seconds into the file."""
    seconds: float = 0.0
    """How long the stretch is; 0 for the file to its end."""
    offset: int = 0
    """First byte of the recording in a file that holds several, a shard of a manifest of ours."""
    size: int = 0
    """Bytes of it; 0 where the file is the recording."""

    def __fspath__(self) -> str:
        return self.path


@dataclass(frozen=True)
class Call:
    """A tool call."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """Something that was said before the question."""

    side: Side
    text: str = ""
    """What is written, or the words of the sound."""
    sound: Sound | None = None
    """The turn's sound; without it the turn is written."""
    calls: tuple[Call, ...] = ()
    """Calls that the assistant made at the end of it."""


@dataclass(frozen=True)
class Item:
    """One thing asked of a model."""

    id: str
    """Unique within its check."""
    text: str
    """What is said in the recording, what is asked in writing, or what shall be said."""
    sound: Sound | None = None
    """The recording that the model hears; None where it is asked in writing."""
    references: tuple[str, ...] = ()
    """Answers that are right, or texts to compare with, such as translations; a measure says which."""
    language: str = "en"
    """ISO 639 code of what is said."""
    answer_language: str = ""
    """ISO 639 code of the answer; empty for the same."""
    system: str | None = None
    """System prompt; None for the one that the model has for the task."""
    instruction: str = ""
    """Text in the user's turn behind the recording."""
    turns: tuple[Turn, ...] = ()
    """What was said before, oldest first."""
    tools: tuple[ToolSchema, ...] = ()
    """What the model may call."""
    calls: tuple[Call, ...] = ()
    """Calls that are right; none where the model should answer without."""
    options: tuple[str, ...] = ()
    """What a multiple choice offers."""
    label: str = ""
    """Class that the item belongs to, for tables of confusions."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Groups that the item is in, such as `task`, `split`, `category`; figures can be given by any of them."""

    @property
    def answered_in(self) -> str:
        """The answer's language."""
        return self.answer_language or self.language

    @property
    def sounds(self) -> tuple[Sound, ...]:
        """Every recording that the model hears, in order."""
        heard = (*(turn.sound for turn in self.turns), self.sound)
        return tuple(sound for sound in heard if sound is not None)


def to_json(value: Any) -> Any:
    """An item or a part of one as JSON values; what has its default value is left out."""
    if isinstance(value, ToolSchema):
        return {"name": value.name, "description": value.description, "parameters": dict(value.parameters)}
    if isinstance(value, tuple):
        return [to_json(each) for each in value]
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, Item | Turn | Sound | Call):
        return value
    written = {}
    for each in fields(value):
        content = getattr(value, each.name)
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        if content != default:
            written[each.name] = to_json(content)
    return written


def item_from_json(record: Mapping[str, Any]) -> Item:
    """Read an item back; also as runs before format 2 wrote it (`accepted` for references, a path for a sound).

    Raises DataError for what is no item, such as one with a key that this version doesn't know.
    """
    try:
        known = {**record}
        if "accepted" in known:
            known["references"] = known.pop("accepted")
        return Item(
            **{
                **known,
                "sound": _sound(known.get("sound")),
                "references": tuple(known.get("references", ())),
                "turns": tuple(_turn(each) for each in known.get("turns", ())),
                "tools": tuple(ToolSchema(**each) for each in known.get("tools", ())),
                "calls": tuple(Call(**each) for each in known.get("calls", ())),
                "options": tuple(known.get("options", ())),
            }
        )
    except (TypeError, AttributeError) as error:
        raise DataError(
            f"this is no item of a suite ({error}); it may be of a newer version: score the run with that, or ask again"
        ) from None


def items_digest(items: Iterable[Item]) -> str:
    """Sixteen digits that tell whether two runs were asked the same; where recordings lie does not matter."""
    digest = hashlib.sha256()
    for item in items:
        written = to_json(item)
        for holder in (written, *written.get("turns", ())):
            if "sound" in holder:
                holder["sound"].pop("path")
        digest.update(json.dumps(written, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()[:16]


def _sound(value: Any) -> Sound | None:
    if value is None:
        return None
    return Sound(value) if isinstance(value, str) else Sound(**value)


def _turn(value: Mapping[str, Any]) -> Turn:
    calls = tuple(Call(**each) for each in value.get("calls", ()))
    return Turn(**{**value, "sound": _sound(value.get("sound")), "calls": calls})
