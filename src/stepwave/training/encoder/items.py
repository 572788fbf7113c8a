"""From records to what an audio encoder learns: each clip once, with everything that is known of it.

Words come from what a turn says, `age` and `gender` from the attributes of its clip, sounds from `details["labels"]`,
sounds with their times from a mixed scene's `details["recipe"]`. Reading sound is not done here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from stepwave.data.records import Clip, Kind, Record, Turn
from stepwave.facts.rates import INPUT_SAMPLE_RATE, PIECE_SECONDS, encoder_frames, valid_mel_frames
from stepwave.prepare.acoustics.sounds import sound_kind
from stepwave.training.encoder.ctc_labels import CtcLabels, frames_needed

HEARD_KINDS: Final[frozenset[Kind]] = frozenset({"speech", "asr", "s2tt", "s2st", "sound", "caption", "qa"})
"""Kinds that begin with the one sound that they are about."""
GENDERS: Final = ("female", "male")
AGES: Final = (0, 13, 20, 30, 40, 50, 60, 70, 80)
"""Years at which bands of age begin: children, teens, then decades, the last without end."""
_OLDEST: Final = 130
_AGE_WORDS: Final[Mapping[str, tuple[float, float]]] = {
    "child": (0, 13), "children": (0, 13), "kid": (0, 13), "teens": (13, 20), "teenager": (13, 20),
    "twenties": (20, 30), "thirties": (30, 40), "forties": (40, 50), "fourties": (40, 50), "fifties": (50, 60),
    "sixties": (60, 70), "seventies": (70, 80), "eighties": (80, 90), "nineties": (90, 100), "young": (13, 40),
    "young adult": (20, 40), "adult": (20, 60), "middle-aged": (40, 60), "middle aged": (40, 60),
    "elderly": (60, _OLDEST), "old": (60, _OLDEST), "senior": (60, _OLDEST),
}  # fmt: skip
"""Years from and below which somebody is, whom corpora call so."""


@dataclass(frozen=True)
class EncoderItem:
    """A clip and what is known of it; empty or None where nothing is."""

    clip: Clip
    words: tuple[int, ...] = ()
    """CTC labels of what is said."""
    ages: frozenset[int] = frozenset()
    """Bands of `AGES` that the speaker may be in."""
    gender: int | None = None
    """Place in `GENDERS`."""
    events: frozenset[str] | None = None
    """Sounds that are heard; others are not."""
    spans: tuple[tuple[str, float, float], ...] | None = None
    """Sounds with the seconds at which each begins and ends."""

    @property
    def known(self) -> bool:
        """Whether there is anything to learn."""
        return bool(self.words or self.ages) or self.gender is not None or self.events is not None

    @property
    def mel_frames(self) -> int:
        """Valid mel frames, by the record's length."""
        return valid_mel_frames(_samples(self.clip))


@dataclass
class EncoderItems:
    """Items of many records, and why others gave none."""

    labels: CtcLabels
    labels_per_frame: int = 2
    """Labels that a 25 Hz frame may spell: words said quicker than that are not asked for."""
    longest_seconds: float = PIECE_SECONDS
    """Longer clips are left out: which of their pieces has which words is not known."""
    found: dict[tuple[str, int, float], EncoderItem] = field(default_factory=dict)
    """By where the sound lies: a scene has many records, about each of which other things may be known."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Records that gave no item, by reason."""

    def add(self, records: Iterable[Record]) -> "EncoderItems":
        """Take what records tell; returns itself."""
        for record in records:
            turn = record.turns[0] if record.turns else None
            if record.kind not in HEARD_KINDS or turn is None or turn.clip is None or turn.role != "human":
                self.left_out["not about a sound that is heard first"] += 1
            elif not turn.clip.seconds:
                self.left_out["of unknown length"] += 1
            elif turn.clip.seconds > self.longest_seconds:
                self.left_out[f"longer than {self.longest_seconds:g} s"] += 1
            elif encoder_frames(valid_mel_frames(_samples(turn.clip))) < 1:
                self.left_out["shorter than a frame"] += 1
            elif not (item := self._item(record, turn, turn.clip)).known:
                self.left_out["nothing is known of it"] += 1
            else:
                place = (item.clip.file, item.clip.offset, item.clip.start)
                self.found[place] = _both(self.found[place], item) if place in self.found else item
        return self

    def __iter__(self) -> Iterator[EncoderItem]:
        return iter(self.found.values())

    def _item(self, record: Record, turn: Turn, clip: Clip) -> EncoderItem:
        said = turn
        if record.kind == "asr" and not turn.text and len(record.turns) > 1:
            said = record.turns[1]
        words = self.labels.of(said.text, said.language)
        places = self.labels_per_frame * encoder_frames(valid_mel_frames(_samples(clip)))
        labels, recipe = record.details.get("labels"), record.details.get("recipe")
        spans = None
        if recipe is not None:
            spans = tuple((event(e["label"]), float(e["start"]), float(e["start"] + e["seconds"])) for e in recipe)
            labels = [name for name, _, _ in spans]
        gender = str(clip.attributes.get("gender", "")).strip().lower()
        return EncoderItem(
            clip,
            words if frames_needed(words) <= places else (),
            age_bands(clip.attributes.get("age")),
            GENDERS.index(gender) if gender in GENDERS else None,
            None if labels is None else frozenset(event(label) for label in labels),
            spans,
        )


def event(label: str) -> str:
    """The one name of a sound, however corpora spell it: `Dog Bark`, `dog_bark` are the same."""
    return sound_kind(label).label


def events_in(items: Iterable[EncoderItem]) -> tuple[str, ...]:
    """Every sound that is heard in any item, by name."""
    return tuple(sorted({name for item in items for name in item.events or ()}))


def age_bands(noted: object) -> frozenset[int]:
    """Bands of `AGES` that a speaker may be in who is noted to be 34, "34", "thirties" or "adult"; none if unknown."""
    word = noted.strip().lower() if isinstance(noted, str) else ""
    if word.isdecimal():
        noted = float(word)
    if isinstance(noted, int | float) and not isinstance(noted, bool):
        span = (noted, noted) if 0 < noted < _OLDEST else None
    else:
        span = _AGE_WORDS.get(word)
    if span is None:
        return frozenset()
    ends = (*AGES[1:], _OLDEST)
    return frozenset(
        band
        for band, (low, high) in enumerate(zip(AGES, ends, strict=True))
        if span[0] < high and (low < span[1] or low <= span[0])
    )


def _both(one: EncoderItem, other: EncoderItem) -> EncoderItem:
    return EncoderItem(
        one.clip,
        one.words or other.words,
        one.ages or other.ages,
        other.gender if one.gender is None else one.gender,
        other.events if one.events is None else one.events,
        other.spans if one.spans is None else one.spans,
    )


def _samples(clip: Clip) -> int:
    return round(clip.seconds * INPUT_SAMPLE_RATE)
