"""The step `captions`: speech and what is known of how and where it is spoken, as a caption and questions.

After Step-Audio 2, section 3.3 (speech captions over 11 aspects). Departures: words come from a grammar, and an aspect
that nobody has noted or measured is left out (None in `details["aspects"]`) where the paper's annotators listened.
Sounds mixed behind the speech give scenario, event and vocal sound.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final

import numpy as np

from stepwave.data.manifests import read_clip, read_manifest
from stepwave.data.records import Clip, Record, Turn, speech_in
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.acoustics.aspects import ASPECTS, ask, aspects_of, describe, melody_of
from stepwave.prepare.acoustics.mixing import (
    DrownedSoundError,
    Ingredient,
    Mix,
    SilentSoundError,
    event,
    looped,
    mix,
    noise_floor,
    whole,
)
from stepwave.prepare.acoustics.sounds import SPEECH, sound_kind
from stepwave.prepare.acoustics.stock import sounds_by_split
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Sound, Step, Worker, drawing, one_by_one

_BACKGROUND_GAIN_DB: Final = (-16.0, -6.0)
_FOREGROUND_GAIN_DB: Final = (-8.0, 3.0)
_FOREGROUND_SECONDS: Final = 4.0
_FLOOR_DB: Final = -80.0


@dataclass(frozen=True)
class Captions(Step):
    """Settings of the step."""

    name: ClassVar[str] = "captions"
    version: ClassVar[int] = 2

    speech: Path
    """Manifest of `speech` records, best with what the step `measure` adds."""
    sounds: Path | None = None
    """Manifest of `sound` records to mix behind some of them."""
    mixed_share: float = 0.5
    """Share of clips with a sound, where there are sounds."""
    questions: int = 2
    """Questions about each clip, each about another aspect that is known."""
    least_known: int = 2
    """Clips of which fewer aspects are known are dropped."""
    trust_style: bool = False
    """Whether an emotion or style asked of a voice counts as what is heard; only for voices that can act it."""
    sample_rate: int = 16_000
    """Of the mixes, in Hz; speech without a sound stays as it is."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.questions <= len(ASPECTS) or not 1 <= self.least_known <= len(ASPECTS):
            raise ConfigError(f"captions: there are {len(ASPECTS)} aspects to ask for and to know")
        if not 0 <= self.mixed_share <= 1:
            raise ConfigError("captions: a share lies between 0 and 1")
        if self.sample_rate not in (16_000, 24_000):
            raise ConfigError(
                f"captions: a sample rate of {self.sample_rate} Hz is not possible; wanted 16000 or 24000"
            )

    def rows(self) -> Iterator[Record]:
        """The speech, each with the sound to mix behind it as a second turn where one was drawn."""
        sounds = sounds_by_split(self.sounds) if self.sounds is not None else {}
        speech = [found for record in read_manifest(self.speech) if (found := speech_in(record)) is not None]
        if not speech:
            raise DataError(f"{self.speech} holds no records of the kind speech or asr with sound; name one that does")
        for record in speech:
            chooser = drawing(self.seed, record.id, "sound")
            known = sounds.get(record.split, {})
            # A recipe that is there already says all that is heard; nothing is added to it.
            if known and "recipe" not in record.details and chooser.random() < self.mixed_share:
                sound = _drawn(known, chooser)
                licence = "; ".join(sorted({each for each in (record.licence, sound.licence) if each}))
                yield replace(record, turns=(record.turns[0], sound.turns[0]), licence=licence, details=sound.details)
            else:
                yield record

    def open(self) -> Worker:
        """See `Step.open`."""
        return one_by_one(self._work)

    def _work(self, row: Record) -> Iterable[Outcome]:
        heard = row.turns[0]
        recipe: list[dict[str, Any]] = list(row.details.get("recipe", ()))
        details: dict[str, Any] = {}
        sounds: dict[str, Sound] = {}
        if len(row.turns) > 1:
            try:
                made = self._mixed(row, drawing(self.seed, row.id, "mix"))
            except SilentSoundError as problem:
                return [Dropped(row.id, "silent sound", str(problem))]
            except DrownedSoundError as problem:
                return [Dropped(row.id, "a sound was drowned out", str(problem))]
            recipe = [each.written() for each in made.recipe]
            details = {"recipe": recipe, "reference_db": made.reference_db}
            seconds = round(len(made.samples) / self.sample_rate, 4)
            voice = heard.clip.voice if heard.clip is not None else ""
            attributes = dict(heard.clip.attributes) if heard.clip is not None else {}
            clip = Clip(f"{row.id}-mix", seconds=seconds, voice=voice, attributes=attributes)
            sounds = {clip.id: Sound(made.samples, self.sample_rate)}
            heard = replace(heard, clip=clip)
        aspects = aspects_of(heard, recipe, self.trust_style)
        known = [name for name in ASPECTS if aspects[name] is not None]
        if len(known) < self.least_known:
            return [Dropped(row.id, "too little is known of it", ", ".join(known) or "nothing")]
        details |= {"aspects": aspects}
        text = describe(aspects, melody_of(heard), drawing(self.seed, row.id, "caption"))
        told = self._record(row, "caption", (heard, Turn("assistant", text, language="en")), details)
        kept = [Kept(told, sounds)]
        chooser = drawing(self.seed, row.id, "questions")
        for aspect in chooser.sample(known, min(self.questions, len(known))):
            question, answer = ask(aspect, aspects, chooser)
            turns = (heard, Turn("human", question, language="en"), Turn("assistant", answer, language="en"))
            asked = {**details, "type": aspect, "answer": aspects[aspect]}
            kept.append(Kept(self._record(row, aspect, turns, asked)))
        return kept

    def _record(self, row: Record, what: str, turns: tuple[Turn, ...], details: dict[str, Any]) -> Record:
        kind: Any = "caption" if what == "caption" else "qa"
        return Record(f"{row.id}-{what}", kind, turns, row.source, row.licence, row.split, details)

    def _mixed(self, row: Record, chooser: Random) -> Mix:
        spoken, other = row.clips
        speech = whole(read_clip(spoken, self.sample_rate)[0], self.sample_rate)
        raw = read_clip(other, self.sample_rate)[0]
        seconds = len(speech) / self.sample_rate
        kind = sound_kind(row.details["labels"][0])
        if kind.role == "scenario":
            lead = chooser.uniform(0.2, 0.8)
            length = lead + seconds + chooser.uniform(0.2, 0.8)
            sound = looped(event(raw, self.sample_rate, length), round(length * self.sample_rate), self.sample_rate)
            start, gain = 0.0, chooser.uniform(*_BACKGROUND_GAIN_DB)
        else:
            sound = event(raw, self.sample_rate, _FOREGROUND_SECONDS)
            own = len(sound) / self.sample_rate
            lead, start = 0.1, chooser.uniform(0.0, seconds)
            # Before, over or after the words.
            if chooser.random() < 0.3:
                lead, start = own + 0.3, 0.1
            length = max(lead + seconds, start + own) + 0.2
            gain = chooser.uniform(*_FOREGROUND_GAIN_DB)
        own = len(sound) / self.sample_rate
        ingredients = [
            Ingredient(SPEECH, spoken.id, lead, seconds, 0.0, row.turns[0].text),
            Ingredient(kind.label, other.id, start, own, gain),
        ]
        if seconds > 60:
            raise DataError(f"speech of {seconds:.0f} s is too long for a caption; wanted at most 60 s")
        generator = np.random.default_rng(chooser.randrange(2**32))
        floor = noise_floor(round(length * self.sample_rate), _FLOOR_DB, generator)
        return mix([speech, sound], ingredients, length, self.sample_rate, floor)


def _drawn(known: dict[str, list[Record]], chooser: Random) -> Record:
    """A sound: first its role, so that rare ones are as frequent, then its label, then a record."""
    roles: dict[str, list[str]] = {}
    for label in known:
        roles.setdefault(sound_kind(label).role, []).append(label)
    label = chooser.choice(roles[chooser.choice(list(roles))])
    return chooser.choice(known[label])
