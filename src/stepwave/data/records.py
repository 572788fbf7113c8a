"""Records of every kind that the model learns from: turns, what is said in them, and where their sound lies.

One shape serves all kinds: a record is a short conversation. A transcription is a human turn with sound and an
assistant turn with text; a caption, a translation, a tool dialogue are the same with other turns. How a record becomes
token ids is `rendering`'s business, how records are stored is `manifests`'.

kind            turns
`speech`        one human turn: a recording with its transcript (`text`), the raw material of most other kinds
`sound`         one human turn without words: `details["labels"]` says what is heard
`text`          one human turn of plain text, for text-only training and as material to be spoken
`asr`           human sound -> assistant text, the words
`tts`           human text -> assistant sound, the same words
`s2tt`          human sound -> assistant text in another language
`t2st`          human text -> assistant sound in another language
`s2st`          human sound -> assistant sound in another language
`continuation`  human sound -> assistant sound: how the same recording goes on
`interleaved`   one assistant monologue cut into utterances, each either sound or text
`conversation`  several turns, each spoken or written
`tools`         the same with tool calls and their results (`input` turns); `details["tools"]` are the schemas
`caption`       human sound -> assistant text that describes it
`qa`            human sound and a question -> assistant text, with `details["reasoning"]` where there is any
`preference`    a question, then answers; once ranked two, of which `details["chosen"]`, `["rejected"]` are the indices
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, Final, Literal, TypeAlias, get_args

from stepwave.facts.conversation import ROLES, Role
from stepwave.facts.errors import DataError

Kind: TypeAlias = Literal[
    "speech", "sound", "text", "asr", "tts", "s2tt", "t2st", "s2st", "continuation", "interleaved", "conversation",
    "tools", "caption", "qa", "preference",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

HEARD: Final = "heard"
"""Attribute of a clip that was listened to: what was heard."""
ERRORS: Final = "errors"
"""In how many words (characters, where none are set apart) that differs from what should have been said."""
WORDS: Final = "words"
"""How many words should have been said."""


@dataclass(frozen=True)
class Clip:
    """A stretch of sound in a file of its own or inside a tar shard, and what is known of it."""

    id: str
    """Unique within a corpus."""
    file: str = ""
    """Path of the sound file or of the tar that holds it; absolute in memory, relative to the manifest on disk.
    Empty while the sound has not been made."""
    offset: int = 0
    """First byte of the sound inside `file`."""
    size: int = 0
    """Bytes of the sound inside `file`; 0 for the whole file."""
    start: float = 0.0
    """Seconds into that sound at which the clip begins."""
    seconds: float = 0.0
    """How long the clip lasts; 0 where nobody has measured."""
    voice: str = ""
    """Who speaks: a synthesis voice (`kokoro/af_heart`) or a speaker of a corpus (`librispeech/103`)."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """What is known or was measured, by name: `gender`, `pitch_hz`, `heard`, `errors`, `words`, ..."""


@dataclass(frozen=True)
class Call:
    """A tool call that an assistant turn makes."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """What one side says at once."""

    role: Role
    text: str = ""
    """The words: what is written, or what is said in the sound."""
    clip: Clip | None = None
    """The sound, once it has been recorded or made."""
    spoken: bool = False
    """Whether the turn is sound; `clip` is None only in a script that has not been spoken yet."""
    language: str = ""
    """ISO 639-1 code of `text`."""
    speaker: str = ""
    """Who speaks within the record: turns with the same name get the same voice."""
    style: Mapping[str, Any] = field(default_factory=dict)
    """How it is to be said: `emotion` (a name), `speed` (a factor), `instruction` (the words that asked for it),
    `voice` (a description of the voice that was asked for)."""
    calls: tuple[Call, ...] = ()
    """Tool calls after the words, in order."""
    pause: float = 0.0
    """Seconds of silence between the turn before and this one."""

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise DataError(f"a turn has the role {self.role!r}; a role is one of: {', '.join(ROLES)}")


@dataclass(frozen=True)
class Record:
    """One thing to learn from, or material for one."""

    id: str
    """Unique within a manifest."""
    kind: Kind
    turns: tuple[Turn, ...]
    source: str = ""
    """Where it comes from: a corpus, a grammar, a model."""
    licence: str = ""
    split: str = "train"
    """`train`, or the name of a held-out part."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What only some kinds have, as JSON values: see the table above."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError(f"record {self.id!r} is of the kind {self.kind!r}; a kind is one of: {', '.join(KINDS)}")
        if not self.id:
            raise DataError("a record has no id; wanted a text that is unique within its manifest")

    @property
    def clips(self) -> list[Clip]:
        """The clips of all turns, in order."""
        return [turn.clip for turn in self.turns if turn.clip is not None]

    @property
    def seconds(self) -> float:
        """How long its clips last together."""
        return sum(clip.seconds for clip in self.clips)

    def with_clips(self, change: Callable[[Clip], Clip]) -> "Record":
        """The same record with each clip changed."""
        turns = (turn if turn.clip is None else replace(turn, clip=change(turn.clip)) for turn in self.turns)
        return replace(self, turns=tuple(turns))


def speech_in(record: Record) -> Record | None:
    """The recording that a record to be learnt from is about, as `speech`; None where it is not about one recording.

    `speech` is one already, `asr` is one with its words as the answer.
    """
    if record.kind not in ("speech", "asr") or len(record.clips) != 1 or record.turns[0].clip is None:
        return None
    return replace(record, kind="speech", turns=record.turns[:1])


def to_json(value: Record | Turn | Clip | Call) -> dict[str, Any]:
    """As JSON values; what has its default value is left out."""
    written: dict[str, Any] = {}
    for each in fields(value):
        content = getattr(value, each.name)
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        if content == default:
            continue
        if isinstance(content, Clip):
            content = to_json(content)
        elif isinstance(content, tuple):
            content = [to_json(one) for one in content]
        elif isinstance(content, float):
            content = round(content, 4)
        written[each.name] = dict(content) if isinstance(content, Mapping) else content
    return written


def from_json(value: Any) -> Record:
    """Read a record back.

    Raises DataError for a key that is not known, one that is missing, or a value of the wrong kind.
    """
    try:
        turns = tuple(_turn(turn) for turn in value.get("turns", ()))
        return Record(**{**value, "turns": turns})
    except (AttributeError, TypeError) as problem:
        raise DataError(f"this is no record ({problem}); wanted an object with id, kind and turns") from None


def _turn(value: Mapping[str, Any]) -> Turn:
    clip = Clip(**value["clip"]) if value.get("clip") else None
    calls = tuple(Call(**call) for call in value.get("calls", ()))
    return Turn(**{**value, "clip": clip, "calls": calls})
