"""The step `scenes`: mixes sounds and speech by a recipe, and writes a caption and questions that the recipe answers.

After Step-Audio 2, section 3.3 (question-answer pairs with explicit reasoning traces, according to the audio mixing
recipes). Departures: a grammar words them in place of a language model, so that no answer can contradict its recipe.
Of each scene the caption and the questions share one clip, which is stored once, with the caption.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final

import numpy as np

from stepwave.data.manifests import read_clip
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.acoustics.layout import lay_out, longest_sound
from stepwave.prepare.acoustics.mixing import (
    DrownedSoundError,
    Ingredient,
    Mix,
    SilentSoundError,
    event,
    mix,
    noise_floor,
    whole,
)
from stepwave.prepare.acoustics.narration import caption, worded
from stepwave.prepare.acoustics.questions import TYPES, Asked, Material
from stepwave.prepare.acoustics.rooms import Room, Rooms
from stepwave.prepare.acoustics.sounds import SPEECH, alike
from stepwave.prepare.acoustics.stock import LONGEST_SPEECH_SECONDS, Stock
from stepwave.prepare.acoustics.timeline import Timeline
from stepwave.prepare.pipeline.steps import (
    Dropped,
    Kept,
    Outcome,
    Sound,
    Step,
    Worker,
    drawing,
    one_by_one,
    short_digest,
)

_ABSENT: Final = 5
_SOUND_SECONDS: Final = (1.2, 5.0)
_SOUND_GAIN_DB: Final = (-8.0, 6.0)
_SPEECH_GAIN_DB: Final = (-2.0, 6.0)
_FLOOR_DB: Final = (-75.0, -55.0)
_TRIES: Final = 4
_WEIGHTS: Final = {"loudest": 4.0, "longest": 3.0, "words": 3.0, "scene": 2.5, "present": 2.0, "before": 2.0}
"""How much more often than others a type of question is drawn where a scene allows it."""


@dataclass(frozen=True)
class Scenes(Step):
    """Settings of the step."""

    name: ClassVar[str] = "scenes"
    version: ClassVar[int] = 2
    part_size: ClassVar[int] = 32

    sounds: Path
    """Manifest of `sound` records; those with exactly one label are used, since a recipe must say all that is heard."""
    count: int
    """Scenes to make."""
    speech: Path | None = None
    """Manifest of `speech` records, for speakers in some of the scenes."""
    speaker_share: float = 0.4
    """Share of scenes with a speaker, where there is speech."""
    questions: int = 3
    """Questions about each scene, each of another type."""
    choice_share: float = 0.4
    """Share of questions with options to choose from, among those whose type has any."""
    rooms: Rooms = "none"
    """How rooms are made."""
    room_share: float = 0.5
    """Share of scenes in a room, unless `rooms` is none."""
    sample_rate: int = 16_000
    """Of the mixes, in Hz."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.questions <= len(TYPES):
            raise ConfigError(f"scenes: wanted a count from 1 on and 0 to {len(TYPES)} questions")
        if not all(0 <= share <= 1 for share in (self.speaker_share, self.choice_share, self.room_share)):
            raise ConfigError("scenes: a share lies between 0 and 1")
        if self.sample_rate not in (16_000, 24_000):
            raise ConfigError(f"scenes: a sample rate of {self.sample_rate} Hz is not possible; wanted 16000 or 24000")

    def rows(self) -> Iterator[Record]:
        """One row a scene: a `sound` record with the clips to mix, their labels and what the scene lacks."""
        stock = Stock.read(self.sounds, self.speech)
        for number in range(self.count):
            yield self._row(number, stock)

    def open(self) -> Worker:
        """See `Step.open`."""
        return one_by_one(self._work)

    def _row(self, number: int, stock: Stock) -> Record:
        chooser = drawing(self.seed, "scene", number)
        split = stock.draw_split(chooser)
        labels = stock.draw_labels(split, chooser)
        records = stock.draw_clips(split, labels, chooser)
        speakers = stock.speech.get(split, [])
        if speakers and chooser.random() < self.speaker_share:
            records.append(chooser.choice(speakers))
            labels.append(SPEECH)
        known = [*stock.sounds[split], *([SPEECH] if speakers else [])]
        absent = [each for each in known if not any(alike(each, label) for label in labels)]
        # Scenes come in pairs with opposite answers, so that yes and no are equally frequent whatever is drawn.
        half = {type_: drawing(self.seed, type_, number // 2).random() < 0.5 for type_ in ("present", "before")}
        details = {
            "labels": labels,
            "absent": chooser.sample(absent, min(_ABSENT, len(absent))),
            "yes": {type_: each ^ bool(number % 2) for type_, each in half.items()},
        }
        turns = tuple(replace(record.turns[0], speaker="") for record in records)
        licence = "; ".join(sorted({record.licence for record in records if record.licence}))
        sources = "+".join(sorted({record.source for record in records if record.source}))
        row_id = f"scene-{short_digest(self.seed, number, [turn.clip.id for turn in turns if turn.clip])}"
        return Record(row_id, "sound", turns, sources, licence, split, details)

    def _work(self, row: Record) -> Iterable[Outcome]:
        retried: list[str] = []
        while True:
            try:
                return self._records(row, self._mixed(row, drawing(self.seed, row.id, "mix", len(retried))), retried)
            except SilentSoundError as problem:
                return [Dropped(row.id, "silent sound", str(problem), tuple(retried))]
            except DrownedSoundError as problem:
                retried.append("a sound was drowned out")
                if len(retried) == _TRIES:
                    return [Dropped(row.id, "a sound was drowned out", str(problem), tuple(retried[:-1]))]

    def _mixed(self, row: Record, chooser: Random) -> "Mixed":
        labels: list[str] = row.details["labels"]
        raw = [read_clip(clip, self.sample_rate)[0] for clip in row.clips]
        count = len(labels) - labels.count(SPEECH)
        spoken_parts = [whole(each, self.sample_rate) for each in raw[count:]]
        spoken = sum(map(len, spoken_parts)) / self.sample_rate
        if spoken > LONGEST_SPEECH_SECONDS:
            raise DataError(
                f"speech of {spoken:.1f} s leaves no room for sounds; wanted {LONGEST_SPEECH_SECONDS} at most"
            )
        bound = min(_SOUND_SECONDS[1], longest_sound(count, spoken))
        lengths = [max(min(chooser.uniform(*_SOUND_SECONDS), bound), 0.5) for _ in range(count)]
        parts = [event(each, self.sample_rate, length) for each, length in zip(raw[:count], lengths, strict=True)]
        parts += spoken_parts
        seconds = [len(each) / self.sample_rate for each in parts]
        layout = lay_out(labels, seconds, chooser)
        inside = chooser.random() < self.room_share and self.rooms != "none"
        room = Room(self.rooms if inside else "none", self.sample_rate, chooser)
        ingredients = [
            Ingredient(
                label,
                clip.id,
                start,
                length,
                chooser.uniform(*(_SPEECH_GAIN_DB if label == SPEECH else _SOUND_GAIN_DB)),
                turn.text if label == SPEECH else "",
            )
            for label, clip, start, length, turn in zip(
                labels, row.clips, layout.starts, seconds, row.turns, strict=True
            )
        ]
        generator = np.random.default_rng(chooser.randrange(2**32))
        floor = noise_floor(round(layout.seconds * self.sample_rate), chooser.uniform(*_FLOOR_DB), generator)
        made = mix([room.heard(part) for part in parts], ingredients, layout.seconds, self.sample_rate, floor)
        return Mixed(made, "none" if not inside else self.rooms)

    def _records(self, row: Record, mixed: "Mixed", retried: Sequence[str]) -> list[Kept]:
        made = mixed.mix
        scene = Timeline(made.recipe)
        clip = Clip(f"{row.id}-mix", seconds=round(len(made.samples) / self.sample_rate, 4))
        speech = scene.speech
        if speech is not None:
            speaker = row.turns[-1]
            clip = replace(clip, voice=speaker.clip.voice if speaker.clip else "")
        heard = Turn(
            "human",
            speech.text if speech is not None else "",
            clip,
            spoken=True,
            language=row.turns[-1].language if speech is not None else "",
        )
        shared = {
            "recipe": [each.written() for each in made.recipe],
            "reference_db": made.reference_db,
            "room": mixed.room,
        }

        def record(name: str, kind: Any, turns: tuple[Turn, ...], details: dict[str, Any]) -> Record:
            return Record(f"{row.id}-{name}", kind, turns, row.source, row.licence, row.split, {**shared, **details})

        text = caption(scene, drawing(self.seed, row.id, "caption"))
        told = record("caption", "caption", (heard, Turn("assistant", text, language="en")), {})
        kept = [Kept(told, {clip.id: Sound(made.samples, self.sample_rate)}, tuple(retried))]
        chooser = drawing(self.seed, row.id, "questions")
        material = Material(scene, row.details["absent"], row.details["yes"], chooser)
        asked = [each for each in (type_(material) for type_ in TYPES.values()) if each is not None]
        for each in _drawn(asked, self.questions, chooser):
            words = worded(each, scene, chooser.random() < self.choice_share, chooser)
            turns = (
                heard,
                Turn("human", words.question, language="en"),
                Turn("assistant", words.answer, language="en"),
            )
            details = {**words.details, "reasoning": words.reasoning}
            kept.append(Kept(record(each.type, "qa", turns, details)))
        return kept


@dataclass(frozen=True)
class Mixed:
    """A mix and the kind of room it was heard in."""

    mix: Mix
    room: str


def _drawn(asked: Sequence[Asked], count: int, chooser: Random) -> list[Asked]:
    """So many questions, none twice; types that few scenes allow come first more often (Efraimidis and Spirakis)."""
    keys = [chooser.random() ** (1 / _WEIGHTS.get(each.type, 1.0)) for each in asked]
    ranked = sorted(zip(keys, asked, strict=True), key=lambda pair: pair[0], reverse=True)
    return [each for _, each in ranked[:count]]
