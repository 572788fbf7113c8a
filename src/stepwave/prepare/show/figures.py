"""What is counted over the records of a manifest, in memory that doesn't grow with them.

Only distinct values are held (voices, sources, lengths to a tenth of a second). Figures of several manifests add up.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Final

from stepwave.data.records import Clip, Record, Turn
from stepwave.prepare.show.errors import WordErrorCounts

TENTHS: Final = 10
"""Steps a second in which lengths are counted."""
UNNAMED: Final = "not said"
"""Stands for an empty voice, language, source or licence."""
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_]+(?:['’.\-][^\W_]+)*")


def count_words(text: str) -> int:
    """Words of a text; where a script writes none apart (Chinese, Japanese), its characters."""
    return len(_WORD.findall(text))


class Tally:
    """How often each name came, and the seconds of sound that came with it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}

    def add(self, name: str, seconds: float = 0.0, count: int = 1) -> None:
        """Count `name` with so much sound."""
        self.counts[name] += count
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def update(self, other: "Tally") -> None:
        """Add everything that another one counted."""
        for name, seconds, count in other:
            self.add(name, seconds, count)

    def __len__(self) -> int:
        return len(self.counts)

    def __iter__(self) -> Iterator[tuple[str, float, int]]:
        """Name, seconds and count, longest first, then most frequent, then by name."""
        order = sorted(self.counts, key=lambda name: (-self.seconds[name], -self.counts[name], name))
        return ((name, self.seconds[name], self.counts[name]) for name in order)

    def as_json(self) -> dict[str, Any]:
        """Count and hours by name."""
        return {name: {"count": count, "hours": round(seconds / 3600, 4)} for name, seconds, count in self}


@dataclass
class Figures:
    """The figures of one manifest, or of several together."""

    records: int = 0
    clips: int = 0
    seconds: float = 0.0
    """Sound in all clips; a clip that two records share counts twice, as it does in training."""
    unmade: int = 0
    """Spoken turns that have no sound yet."""
    unmeasured: int = 0
    """Clips whose length nobody has measured; they are in no sum of seconds."""
    words: int = 0
    """Words in all turns but tool schemas and results."""
    kinds: Tally = field(default_factory=Tally)
    """Records."""
    splits: Tally = field(default_factory=Tally)
    """Records."""
    sources: Tally = field(default_factory=Tally)
    """Records by source and licence; `source_and_licence` takes the names apart."""
    languages: Tally = field(default_factory=Tally)
    """Turns."""
    voices: Tally = field(default_factory=Tally)
    """Clips."""
    emotions: Tally = field(default_factory=Tally)
    """Turns that are to be said with an emotion."""
    tools: Tally = field(default_factory=Tally)
    """Calls by the tool's name."""
    clip_tenths: Counter[int] = field(default_factory=Counter)
    """Clips by their length in tenths of a second."""
    turn_words: Counter[int] = field(default_factory=Counter)
    """Turns with text by their number of words."""
    errors: WordErrorCounts = field(default_factory=WordErrorCounts)
    """Of clips that were listened to."""
    different: dict[int, float] = field(default_factory=dict)
    """Seconds by clip (a hash of its id), so that what several records share can be counted once."""

    def add(self, record: Record) -> None:
        """Count one record."""
        seconds = record.seconds
        self.records += 1
        self.seconds += seconds
        self.kinds.add(record.kind, seconds)
        self.splits.add(record.split or UNNAMED, seconds)
        self.sources.add(f"{record.source or UNNAMED}\t{record.licence or UNNAMED}", seconds)
        for turn in record.turns:
            self._add_turn(turn)

    def _add_turn(self, turn: Turn) -> None:
        if turn.clip is not None:
            self._add_clip(turn.clip)
        elif turn.spoken:
            self.unmade += 1
        for call in turn.calls:
            self.tools.add(call.name)
        if turn.role not in ("human", "assistant"):
            return
        if turn.text or turn.clip is not None:
            self.languages.add(turn.language or UNNAMED, 0.0 if turn.clip is None else turn.clip.seconds)
        if turn.style.get("emotion"):
            self.emotions.add(str(turn.style["emotion"]), 0.0 if turn.clip is None else turn.clip.seconds)
        if turn.text:
            words = count_words(turn.text)
            self.words += words
            self.turn_words[words] += 1

    def _add_clip(self, clip: Clip) -> None:
        self.clips += 1
        self.different[hash(clip.id)] = clip.seconds
        if not clip.file:
            self.unmade += 1
        self.voices.add(clip.voice or UNNAMED, clip.seconds)
        if clip.seconds > 0:
            self.clip_tenths[math.floor(clip.seconds * TENTHS + 1e-6)] += 1
        else:
            self.unmeasured += 1
        self.errors.add(clip)

    def update(self, other: "Figures") -> None:
        """Add the figures of another manifest."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, int | float):
                setattr(self, each.name, mine + theirs)
            else:
                mine.update(theirs)

    @property
    def different_seconds(self) -> float:
        """Sound in clips that differ, however many records share them."""
        return sum(self.different.values())

    @property
    def named_voices(self) -> int:
        """Number of voices that have a name."""
        return len(self.voices) - (UNNAMED in self.voices.counts)

    @property
    def top_voice(self) -> tuple[str, float] | None:
        """The voice with most sound, and its share of the sound of all named voices; None where there is none."""
        named = [(name, seconds) for name, seconds, _ in self.voices if name != UNNAMED]
        total = sum(seconds for _, seconds in named)
        return (named[0][0], named[0][1] / total) if total else None

    def as_json(self) -> dict[str, Any]:
        """All figures as JSON values."""
        top = self.top_voice
        return {
            "records": self.records,
            "clips": self.clips,
            "different_clips": len(self.different),
            "hours": round(self.seconds / 3600, 4),
            "different_hours": round(self.different_seconds / 3600, 4),
            "words": self.words,
            "spoken_turns_without_sound": self.unmade,
            "clips_without_length": self.unmeasured,
            **{name: getattr(self, name).as_json() for name in ("kinds", "splits", "languages", "emotions", "tools")},
            "sources": [
                dict(zip(("source", "licence"), source_and_licence(name), strict=True))
                | {"count": count, "hours": round(seconds / 3600, 4)}
                for name, seconds, count in self.sources
            ],
            "voices": {
                "number": self.named_voices,
                "most_frequent": top and {"voice": top[0], "share": round(top[1], 4)},
                "each": self.voices.as_json(),
            },
            "clip_seconds": _spread(self.clip_tenths, 1 / TENTHS),
            "turn_words": _spread(self.turn_words, 1),
            "word_errors": self.errors.as_json(),
        }


def source_and_licence(name: str) -> tuple[str, str]:
    """The two parts of a name in `Figures.sources`."""
    source, _, licence = name.rpartition("\t")
    return source, licence


def quantile(counted: Counter[int], share: float) -> int | None:
    """The value that `share` (0 to 1) of what was counted doesn't exceed; None where nothing was."""
    wanted = share * counted.total()
    passed = 0
    for value in sorted(counted):
        passed += counted[value]
        if passed >= wanted:
            return value
    return None


def _spread(counted: Counter[int], unit: float) -> dict[str, float | None]:
    shares = {"least": 0.0, "half": 0.5, "95%": 0.95, "most": 1.0}
    values = {name: quantile(counted, share) for name, share in shares.items()}
    return {name: None if value is None else round(value * unit, 1) for name, value in values.items()}
