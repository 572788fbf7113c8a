"""`speak`: scripts become records with sound, each clip checked by listening and tried again or dropped.

The report's conversation synthesis pipeline (section 3.2, 3.3): dialogue scripts in, spoken conversations out, voices
drawn from a library. Departures: the engines are whatever is at hand, and emotions are acted by pace and pitch.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from stepwave.data.manifests import read_manifest
from stepwave.data.records import ERRORS, WORDS, Clip, Record, Turn
from stepwave.facts.errors import ConfigError, ServiceError
from stepwave.prepare.engines.bank import VoiceBank
from stepwave.prepare.engines.contract import SYNTHESIS_RATE, Samples, ShiftedVoice
from stepwave.prepare.engines.speech_endpoint import EndpointSettings
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Sound, Step, Worker, drawing, dropped
from stepwave.prepare.speaking.casting import CAST, cast, clip_id, speaker
from stepwave.prepare.speaking.check import Ear, listen, open_ear
from stepwave.prepare.speaking.library import LibraryVoice
from stepwave.prepare.speaking.prosody import prosody
from stepwave.prepare.speaking.surroundings import Surroundings
from stepwave.prepare.starting_points import StartingPoints

PEAK = 0.7
"""Louder speech is scaled down to this peak."""
SLOWER = (1.0, 0.9, 0.82)
"""Factor on the pace at each try: what was not understood is said more slowly."""


NOT_UNDERSTOOD: Final = "not understood"


class MisheardError(ServiceError):
    """A clip was not understood at any try."""


@dataclass(frozen=True)
class Speak(Step):
    """Settings of the step."""

    name: ClassVar[str] = "speak"
    part_size: ClassVar[int] = 24

    scripts: Path
    """Manifest of records with turns to be spoken."""
    libraries: Mapping[str, tuple[LibraryVoice, ...]]
    """Voices by speaker (`human`, `assistant`); `""` for whoever is not named."""
    starting: Path
    """Folder of the engines' files (see `starting_points`)."""
    ear: str
    """Who listens (see `check.open_ear`); empty for nobody: nothing is checked then, and records say so."""
    error_limit: float = 0.1
    """Most errors per word, of a record as a whole and of each of its clips."""
    clip_limit: float | None = None
    """Most errors per word of a single clip, if other than of a record: in a long one a slip may stand."""
    tries: int = 2
    """How often a clip is spoken before its record is dropped."""
    seconds: tuple[float, float] = (0.25, 28.0)
    """Shortest and longest clip."""
    surroundings: Surroundings = field(default_factory=Surroundings)
    noises: Path | None = None
    """Manifest of sounds to be heard behind human turns."""
    language: str = "en"
    """Of turns that name none."""
    limit: int | None = None
    """Speak only so many scripts, spread evenly over the manifest."""
    endpoint: EndpointSettings | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.tries <= len(SLOWER) or not 0 <= self.error_limit <= 1 or "" not in self.libraries:
            raise ConfigError(
                f"{self.tries} tries and an error limit of {self.error_limit:g}; wanted 1 to {len(SLOWER)} tries, "
                "a limit of 0 to 1, and voices for whoever is not named"
            )

    def identity(self) -> dict[str, Any]:
        """The base's, with what the ear is in place of where it lies."""
        identity = super().identity()
        kind, _, folder = self.ear.partition(":")
        identity["settings"]["ear"] = f"{kind}:{Path(folder).name}"
        return identity

    def rows(self) -> Iterable[Record]:
        """Scripts with their cast."""
        scripts: Iterable[Record] = read_manifest(self.scripts)
        if self.limit is not None:
            scripts = _spread(list(scripts), self.limit)
        return cast(scripts, self.libraries, self.seed, self.language)

    def open(self) -> Worker:
        """Engines and ear are opened when first used."""
        return _Speaker(self)


def _whole_exchanges(turns: Sequence[Turn]) -> int:
    """How many of the first turns make exchanges that the assistant ended."""
    return max((number for number, turn in enumerate(turns, 1) if turn.role == "assistant"), default=0)


def _spread(scripts: list[Record], limit: int) -> list[Record]:
    if limit >= len(scripts):
        return scripts
    return [scripts[number * len(scripts) // limit] for number in range(limit)]


class _Speaker:
    """The worker: keeps engines and ear open from part to part."""

    def __init__(self, step: Speak) -> None:
        import torch

        # Parts are the unit of parallel work; more threads in each would only be in each other's way.
        torch.set_num_threads(1)
        self.step = step
        self.bank = VoiceBank(StartingPoints(step.starting), endpoint=step.endpoint)
        self.ear: Ear | None = open_ear(step.ear) if step.ear else None
        self.noises = [clip for record in read_manifest(step.noises) for clip in record.clips] if step.noises else []

    def __call__(self, rows: Sequence[Record]) -> Iterator[Outcome]:
        self.bank.begin(self.step.seed)
        for row in rows:
            retried: list[str] = []
            try:
                yield self._spoken(row, retried)
            except MisheardError as problem:
                yield Dropped(row.id, NOT_UNDERSTOOD, str(problem), tuple(retried))
            except Exception as problem:
                yield dropped(row, problem, tuple(retried))

    def _spoken(self, row: Record, retried: list[str]) -> Kept:
        turns: list[Turn] = []
        sounds: dict[str, Sound] = {}
        for index, turn in enumerate(row.turns):
            if not turn.spoken or turn.clip is not None:
                turns.append(turn)
                continue
            voice = str(row.details[CAST][speaker(turn)])
            try:
                clip, samples = self._clip(row, index, voice, retried)
            except MisheardError:
                # A talk may end earlier; what hangs on its last turn may not.
                whole = _whole_exchanges(turns) if row.kind == "conversation" else 0
                if whole == 0:
                    raise
                retried.append("ended before a turn that was not understood")
                sounds = {each.clip.id: sounds[each.clip.id] for each in turns[:whole] if each.clip is not None}
                turns = turns[:whole]
                break
            sounds[clip.id] = Sound(samples, SYNTHESIS_RATE)
            turns.append(replace(turn, clip=clip))
        heard = [turn.clip.attributes for turn in turns if turn.clip is not None and turn.clip.id in sounds]
        errors, words = (sum(each.get(what, 0) for each in heard) for what in (ERRORS, WORDS))
        if errors > self.step.error_limit * words:
            raise MisheardError(f"{errors} of the {words} words of the whole were heard otherwise")
        details = {name: value for name, value in row.details.items() if name != CAST}
        return Kept(replace(row, turns=tuple(turns), details=details), sounds, tuple(retried))

    def _clip(self, row: Record, index: int, voice: str, retried: list[str]) -> tuple[Clip, Samples]:
        step, turn = self.step, row.turns[index]
        name = clip_id(row, index, voice)
        language = turn.language or step.language
        manner = prosody(turn.style)
        chooser = drawing(step.seed, name)
        treated = turn.role == "human" and step.surroundings.draws(chooser)
        engine = self.bank[voice]
        if manner.pitch != 1.0:
            engine = ShiftedVoice(engine, manner.pitch)
        for attempt in itertools.count():
            samples = self._sized(engine.speak(turn.text, manner.speed * SLOWER[attempt]), turn.text)
            attributes: dict[str, Any] = {}
            if manner != (1.0, 1.0):
                attributes["acted"] = [round(manner.speed, 3), round(manner.pitch, 3)]
            if attempt:
                attributes["slowed"] = SLOWER[attempt]
            # At the last try in peace and quiet: what cannot be understood there is the voice's fault.
            if treated and attempt < step.tries - 1:
                samples, told = step.surroundings.around(samples, self.noises, chooser)
                attributes |= told
            if self.ear is None:
                break
            verdict = listen(self.ear, samples, turn.text, language)
            attributes |= verdict.attributes()
            if verdict.passes(step.error_limit if step.clip_limit is None else step.clip_limit):
                break
            if attempt + 1 == step.tries:
                raise MisheardError(f"{voice}: {turn.text!r} was heard as {verdict.heard.text!r}")
            retried.append(NOT_UNDERSTOOD)
        return Clip(name, voice=voice, attributes=attributes), samples

    def _sized(self, samples: Samples, text: str) -> Samples:
        shortest, longest = self.step.seconds
        seconds = len(samples) / SYNTHESIS_RATE
        if not shortest <= seconds <= longest:
            raise ServiceError(f"{text[:40]!r} became {seconds:.2f} s of sound; wanted {shortest:g} to {longest:g}")
        return (samples * (PEAK / max(float(np.abs(samples).max()), PEAK))).astype(np.float32)
