"""What a corpus lists: one entry per recording or stretch of one, made without opening any, and its record."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from stepwave.data.languages import language_code
from stepwave.data.records import Clip, Kind, Record, Turn
from stepwave.facts.errors import DataError
from stepwave.prepare.pipeline.steps import short_digest

_SAFE = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_SIZES = ("XS", "S", "M", "L", "XL", "W")
"""Parts of GigaSpeech and WenetSpeech for training, W being those with weak labels."""
_GENDERS = {"f": "female", "m": "male", "female": "female", "male": "male", "woman": "female", "man": "male"}


class LayoutError(DataError):
    """A folder is not laid out as its corpus is published; whoever knows the corpus adds what was wanted."""


@dataclass(frozen=True)
class Answer:
    """The other side of a translation."""

    text: str
    language: str
    file: str = ""
    """Its recording; empty for text alone."""
    speaker: str = ""


@dataclass(frozen=True)
class Entry:
    """A recording of a corpus, or a stretch of one, with what the corpus says about it."""

    name: str
    """What the corpus calls it; unique within the corpus."""
    file: str
    """Where its sound lies; empty where the corpus lists it and it is not there."""
    kind: Kind = "speech"
    text: str = ""
    language: str = ""
    """ISO 639-1."""
    speaker: str = ""
    """The corpus's name for who speaks; empty where it does not say."""
    part: str = "train"
    """The part it belongs to, as the corpus calls it."""
    split: str = ""
    """`train`, or a held-out part; from `part` where empty."""
    start: float = 0.0
    """Seconds into the file."""
    seconds: float = 0.0
    """Length of the stretch; 0 for the whole file."""
    recording: str = ""
    """The longer recording that it was cut from, so that neighbours can be joined again."""
    position: int | None = None
    """Its place in that recording, counted in utterances."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Of the clip: `gender`, `age`, `accent`, ..."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Of the record: `labels`, `captions`, ..."""
    answer: Answer | None = None
    problem: str = ""
    """Why the corpus's own line about it cannot be used."""


@dataclass(frozen=True)
class Place:
    """Where a corpus lies and which of it is wanted."""

    folder: Path
    splits: tuple[str, ...] = ()
    """Its own names of parts; all of them where empty."""
    languages: tuple[str, ...] = ()
    """As ISO 639-1 or as the corpus writes them; all of them where empty."""
    sounds: Path | None = None
    """Where the recordings lie, if not beside the lists."""
    kind: str = ""
    """`speech` or `sound`, for a folder that says neither."""
    table: str = ""
    """Name of the table to read, for a folder with several."""

    def inside(self, *names: str) -> "Place":
        """The same in a sub-folder, if there is one: a corpus may be named by its folder or the one around it."""
        for name in names:
            if (self.folder / name).is_dir():
                return replace(self, folder=self.folder / name)
        return self

    def parts(self, found: Sequence[str], by_default: Sequence[str] = ()) -> list[str]:
        """Those of the parts found that are wanted. Raises LayoutError (none found), DataError (not among them)."""
        return _chosen("part", found, self.splits, by_default, lambda name: (name,))

    def tongues(self, found: Sequence[str]) -> list[str]:
        """Those of the languages found that are wanted, as the corpus writes them. Raises as `parts` does."""
        return _chosen("language", found, self.languages, (), lambda name: (name, language_code(name)))

    def need(self, name: str) -> Path:
        """A file or folder that has to be there. Raises LayoutError."""
        path = self.folder / name
        if not path.exists():
            raise LayoutError(f"it has no {name}")
        return path


Reader: TypeAlias = Callable[[Place], Iterator[Entry]]
"""Lists a corpus in an order that depends on its content alone. Raises LayoutError, DataError."""


def to_row(entry: Entry, corpus: str, licence: str) -> Record:
    """The record of an entry; its clips name files and stretches, nothing has been measured yet."""
    name = row_id(corpus, entry.name)
    voice = f"{corpus}/{entry.speaker}" if entry.speaker else ""
    clip = Clip(name, entry.file, start=entry.start, seconds=entry.seconds, voice=voice, attributes=entry.attributes)
    turns = [Turn("human", entry.text, clip, spoken=True, language=entry.language)]
    if entry.answer is not None:
        turns.append(_answer_turn(entry.answer, name, corpus))
    details: dict[str, Any] = {"part": entry.part, **entry.details}
    if entry.recording:
        details["recording"] = entry.recording
        # A stretch that is cut out and stored begins at 0 in its own file; where it was is told here.
        details |= {"start": entry.start} if entry.seconds else {}
        details |= {} if entry.position is None else {"position": entry.position}
    if entry.problem:
        details["problem"] = entry.problem
    split = entry.split or split_of(entry.part)
    return Record(name, entry.kind, tuple(turns), source=corpus, licence=licence, split=split, details=details)


def row_id(corpus: str, *names: object) -> str:
    """A short id that is safe in file names: the corpus's own name where that is, a digest elsewhere."""
    written = "-".join(map(str, (corpus, *names)))
    return written if _SAFE.fullmatch(written) else f"{corpus}-{short_digest(*names)}"


def split_of(part: str) -> str:
    """`train` for parts that are called so (`train-clean-100`) or after a size (`XL`); others are held out by name."""
    return "train" if part in _SIZES or "train" in re.split(r"[-_./]", part.lower()) else part


def gender(said: str) -> str:
    """`female`, `male`, or what was said (nothing, another word); Common Voice writes `female_feminine`."""
    return _GENDERS.get(said.strip().lower().split("_")[0], said.strip().lower())


def known(**attributes: Any) -> dict[str, Any]:
    """Attributes without those that nobody knows."""
    return {name: value for name, value in attributes.items() if value not in ("", None)}


def readable(label: str) -> str:
    """A class name as words: `SubwayStation` and `subway_station` become `subway station`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label).replace("_", " ").lower()


def _answer_turn(answer: Answer, name: str, corpus: str) -> Turn:
    if not answer.file:
        return Turn("assistant", answer.text, language=answer.language)
    clip = Clip(f"{name}-answer", answer.file, voice=f"{corpus}/{answer.speaker}" if answer.speaker else "")
    return Turn("assistant", answer.text, clip, spoken=True, language=answer.language)


def _chosen(
    what: str,
    found: Sequence[str],
    wanted: Sequence[str],
    by_default: Sequence[str],
    names: Callable[[str], tuple[str, ...]],
) -> list[str]:
    if not found:
        raise LayoutError(f"no {what} was found in it")
    if not wanted:
        return [each for each in found if each in by_default] if by_default else list(found)
    unknown = [each for each in wanted if not any(each in names(one) for one in found)]
    if unknown:
        raise DataError(f"there is no {what} {', '.join(unknown)}; this place has: {', '.join(found)}")
    return [one for one in found if any(each in names(one) for each in wanted)]
