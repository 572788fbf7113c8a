"""The step `filter`: keeps the recordings whose transcript and sound can be trusted, each once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from stepwave.data.manifests import read_manifest
from stepwave.data.records import Record
from stepwave.prepare.pipeline.steps import Dropped, Kept, LastLook, Outcome, Step, Worker, one_by_one, short_digest
from stepwave.prepare.recorded.attributes import FINGERPRINT
from stepwave.prepare.recorded.fingerprints import Known
from stepwave.prepare.recorded.judging import (
    Fault,
    Limits,
    Measures,
    faults_of_length,
    faults_of_sound,
    faults_of_words,
)
from stepwave.prepare.recorded.sounds import SoundReader, spoken_turn


@dataclass(frozen=True)
class Filter(Step):
    """Drops what lies outside the limits, by the first of them that speaks against it, and what is there twice.

    What was measured on a record that stays is in its clip's attributes (`attributes.MEASURED`).
    """

    name: ClassVar[str] = "filter"
    source: Path
    """Manifest whose records are one turn with sound each."""
    limits: Limits = field(default_factory=Limits)
    sounds: bool = True
    """Whether sounds are opened; without, records are judged by their texts and lengths alone."""
    same_sound: bool = True
    """Whether a sound that is there already, in whatever encoding, is dropped."""
    same_text: bool = False
    """Whether a text that the same speaker says already is dropped."""

    def rows(self) -> Iterable[Record]:
        """The recordings."""
        return read_manifest(self.source)

    def open(self) -> Worker:
        """Opens nothing."""
        reader = SoundReader(None)
        return one_by_one(lambda row: self._work(row, reader))

    def last_look(self) -> LastLook:
        """Finds what is there twice; the first stays."""
        sounds, texts = Known(), set[str]()

        def look(record: Record) -> str | None:
            turn, clip = spoken_turn(record)
            if self.same_sound and sounds.seen(clip.attributes.get(FINGERPRINT, "")):
                return "same sound as another"
            said = "".join(letter for letter in turn.text.casefold() if letter.isalnum())
            if self.same_text and said:
                text = short_digest(said, clip.voice or turn.speaker)
                if text in texts:
                    return "same text by the same speaker"
                texts.add(text)
            return None

        return look

    def _work(self, row: Record, reader: SoundReader) -> Outcome:
        turn, clip = spoken_turn(row)
        if not clip.seconds:
            samples, rate = reader.read(clip)
            clip = replace(clip, seconds=round(len(samples) / rate, 4))
            row = replace(row, turns=(replace(turn, clip=clip),))
        measures: Measures = {}
        for reason, detail in self._faults(row, reader, measures):
            return Dropped(row.id, reason, detail)
        return Kept(row.with_clips(lambda each: replace(each, attributes={**each.attributes, **measures})))

    def _faults(self, row: Record, reader: SoundReader, measures: Measures) -> Iterator[Fault]:
        turn, clip = spoken_turn(row)
        yield from faults_of_length(clip.seconds, self.limits)
        yield from faults_of_words(turn, clip, self.limits, measures)
        if self.sounds:
            yield from faults_of_sound(*reader.read(clip), self.limits, measures)
