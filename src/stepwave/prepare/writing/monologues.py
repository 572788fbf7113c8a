"""Running text as `interleaved` monologues: consecutive sentences, spoken and written in turn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from stepwave.data.records import Record, Turn
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.pipeline.steps import (
    Dropped,
    Kept,
    LastLook,
    Outcome,
    Step,
    Worker,
    drawing,
    one_by_one,
    short_digest,
)
from stepwave.prepare.writing.drawn import no_twins
from stepwave.prepare.writing.languages import Language, language_named
from stepwave.prepare.writing.sentences import sentences
from stepwave.prepare.writing.sources import identified
from stepwave.prepare.writing.speakable import Lengths, trouble
from stepwave.prepare.writing.splits import TEST_SHARE, check_share, split_of
from stepwave.prepare.writing.texts import read_column

TOO_FEW: Final = "too few sentences in a row"


@dataclass(frozen=True)
class Monologues(Step):
    """Scripts of monologues; an empty line in the file, and a sentence that cannot be used, end one."""

    name: ClassVar[str] = "monologues"
    part_size: ClassVar[int] = 256
    file: Path
    """Running text in the order it is read; lines may break anywhere."""
    column: int = 1
    """Which column of a table, from 1."""
    language: str = "en"
    utterances: tuple[int, int] = (2, 6)
    """Fewest and most utterances of a monologue; an utterance is a sentence."""
    count: int = 0
    """Monologues to take, from the start; 0 takes all."""
    seed: int = 0
    lengths: Lengths = field(default_factory=lambda: Lengths(2, 60))
    """Of each utterance."""
    digits: bool = False
    """Let digits pass, which a voice reads as it sees fit."""
    test_share: float = TEST_SHARE
    licence: str = ""

    def __post_init__(self) -> None:
        language_named(self.language)
        check_share(self.test_share)
        fewest, most = self.utterances
        if not 2 <= fewest <= most:
            raise ConfigError(f"monologues of {fewest} to {most} utterances; wanted two at least, most no less")
        if self.count < 0 or self.column < 1:
            raise ConfigError(f"{self.count} monologues of column {self.column}; wanted 0 or more, a column from 1 on")

    def identity(self) -> dict[str, Any]:
        """The base's, with the digest of the text."""
        return identified(super().identity(), {"file": self.file})

    def rows(self) -> Iterable[Record]:
        """Whole scripts in the order of the text, and single sentences that will be dropped. Raises DataError."""
        language = language_named(self.language)
        gap = " " if language.spaced else ""
        found, number = False, 0
        for paragraph in _paragraphs(read_column(self.file, self.column)):
            found = True
            for run in self._runs(sentences(gap.join(paragraph), language), language):
                if 0 < self.count <= number:
                    return
                number += len(run) > 1
                yield self._planned(run)
        if not found:
            raise DataError(f"{self.file} holds no text")

    def open(self) -> Worker:
        """Nothing to open: sentences are only looked over."""
        return one_by_one(self._looked_over)

    def last_look(self) -> LastLook:
        """Drop what occurred before."""
        return no_twins()

    def _runs(self, texts: list[str], language: Language) -> Iterator[list[str]]:
        """Stretches of usable sentences, of drawn lengths; unusable ones alone."""
        run: list[str] = []
        length = self._length(texts)
        for text in texts:
            usable = not self._trouble(text, language)
            if usable:
                run.append(text)
            if run and (not usable or len(run) == length):
                yield run
                run, length = [], self._length([text])
            if not usable:
                yield [text]
        if run:
            yield run

    def _length(self, texts: list[str]) -> int:
        return drawing(self.seed, "length", *texts[:1]).randint(*self.utterances)

    def _trouble(self, text: str, language: Language) -> str:
        return trouble(text, language, digits=self.digits) or self.lengths.trouble(text, language)

    def _planned(self, texts: list[str]) -> Record:
        name = f"mono-{short_digest(self.language, *texts)}"
        first = drawing(self.seed, name).random() < 0.5
        turns = tuple(
            Turn("assistant", text, spoken=first ^ bool(place % 2), language=self.language, speaker="assistant")
            for place, text in enumerate(texts)
        )
        split = split_of(texts[0], self.seed, self.test_share)
        return Record(name, "interleaved", turns, self.file.stem, self.licence, split)

    def _looked_over(self, row: Record) -> Outcome:
        language = language_named(self.language)
        for turn in row.turns:
            reason = self._trouble(turn.text, language)
            if reason:
                return Dropped(row.id, reason, turn.text[:200])
        if len(row.turns) < self.utterances[0]:
            return Dropped(row.id, TOO_FEW, row.turns[0].text[:200])
        return Kept(row)


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    paragraph: list[str] = []
    for line in lines:
        if line:
            paragraph.append(line)
        elif paragraph:
            yield paragraph
            paragraph = []
    if paragraph:
        yield paragraph
