"""The step `transcribe`: what is said, by a machine's ear."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from stepwave.data.manifests import read_manifest
from stepwave.data.records import ERRORS, HEARD, WORDS, Record
from stepwave.facts.rates import INPUT_SAMPLE_RATE
from stepwave.prepare.pipeline.steps import Dropped, Kept, Outcome, Step, Worker, dropped
from stepwave.prepare.recorded.attributes import LISTENER, TRANSCRIBER
from stepwave.prepare.recorded.sounds import SoundReader, spoken_turn
from stepwave.prepare.transcribers import Transcriber, open_transcriber
from stepwave.signal.resample import Samples


@dataclass(frozen=True)
class Transcribe(Step):
    """Writes the text of recordings that have none, and notes what is heard in those that have one.

    A text that is there stays: the clip's attributes `heard` and `listener` hold the second opinion, by which `filter`
    judges it. So to have machine transcripts checked, run the step twice, with two transcribers; a text that the same
    one wrote passes unheard, since nobody can check himself.
    """

    name: ClassVar[str] = "transcribe"
    source: Path
    """Manifest whose records are one turn with sound each."""
    transcriber: str
    """Who listens, as `prepare.transcribers.open_transcriber` takes it."""
    language: str = "en"
    """Language of turns that do not name theirs (ISO 639-1)."""

    def rows(self) -> Iterable[Record]:
        """The recordings."""
        return read_manifest(self.source)

    def open(self) -> Worker:
        """Opens the transcriber. Raises what that raises."""
        transcriber = self.listener()
        reader = SoundReader(INPUT_SAMPLE_RATE)
        return lambda rows: self._work(rows, transcriber, reader)

    def listener(self) -> Transcriber:
        """The transcriber that is named; a subclass may bring its own."""
        return open_transcriber(self.transcriber)

    def _work(self, rows: Sequence[Record], transcriber: Transcriber, reader: SoundReader) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        sounds: dict[str, dict[int, Samples]] = {}
        for number, row in enumerate(rows):
            try:
                turn, clip = spoken_turn(row)
                if turn.text.strip() and clip.attributes.get(TRANSCRIBER) == transcriber.name:
                    outcomes[number] = Kept(row)
                    continue
                # A copy of the stretch, so that the part does not hold every file that its rows lie in.
                sounds.setdefault(turn.language or self.language, {})[number] = reader.read(clip)[0].copy()
            except Exception as problem:  # one unreadable sound must not take the part's others with it
                outcomes[number] = dropped(row, problem)
        for language, found in sounds.items():
            for number, words in zip(found, transcriber.hear_many(list(found.values()), language), strict=True):
                outcomes[number] = _noted(rows[number], words.strip(), transcriber.name, language)
        return [outcomes[number] for number in range(len(rows))]


def _noted(row: Record, words: str, listener: str, language: str) -> Outcome:
    turn, clip = spoken_turn(row)
    if turn.text.strip():
        # An error that was measured belongs to an opinion that is overwritten here.
        known = {name: value for name, value in clip.attributes.items() if name not in (ERRORS, WORDS)}
        clip = replace(clip, attributes={**known, HEARD: words, LISTENER: listener})
    elif words:
        turn = replace(turn, text=words, language=language)
        clip = replace(clip, attributes={**clip.attributes, TRANSCRIBER: listener})
    else:
        return Dropped(row.id, "nothing heard", f"by {listener}")
    return Kept(replace(row, turns=(replace(turn, clip=clip),)))
