"""Plain sentences as scripts of transcriptions (`asr`) and readings (`tts`), or as they are (`text`), each once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from stepwave.data.records import Kind, Record, Turn
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
from stepwave.prepare.writing.languages import language_named
from stepwave.prepare.writing.sources import identified, read_lines
from stepwave.prepare.writing.speakable import Lengths, plain, trouble
from stepwave.prepare.writing.splits import TEST_SHARE, check_share, split_of
from stepwave.prepare.writing.translations import check_kinds, drawn_kind, two_turns

READINGS: Final[tuple[Kind, ...]] = ("asr", "tts", "text")
TWICE: Final = "the same sentence again"


@dataclass(frozen=True)
class Texts(Step):
    """Scripts from sentences; which kind a sentence becomes is drawn."""

    name: ClassVar[str] = "texts"
    part_size: ClassVar[int] = 256
    file: Path
    """A sentence a line, or a table whose columns are set apart by tabs."""
    column: int = 1
    """Which column of a table, from 1."""
    language: str = "en"
    shares: Mapping[str, float] = field(default_factory=lambda: {"asr": 0.5, "tts": 0.5})
    """How often each kind is drawn, relative to the other."""
    count: int = 0
    """Sentences to take, drawn from all; 0 takes all."""
    seed: int = 0
    lengths: Lengths = field(default_factory=lambda: Lengths(2, 40))
    digits: bool = False
    """Let digits pass, which a voice reads as it sees fit."""
    test_share: float = TEST_SHARE
    licence: str = ""

    def __post_init__(self) -> None:
        language_named(self.language)
        check_kinds(self.shares, READINGS)
        check_share(self.test_share)
        if self.count < 0 or self.column < 1:
            raise ConfigError(f"{self.count} sentences of column {self.column}; wanted 0 or more, a column from 1 on")

    def identity(self) -> dict[str, Any]:
        """The base's, with the digest of the sentences."""
        return identified(super().identity(), {"file": self.file})

    def rows(self) -> Iterable[Record]:
        """Whole scripts in the order of the file. Raises DataError."""
        sentences = [sentence for sentence in read_column(self.file, self.column) if sentence]
        if not sentences:
            raise DataError(f"{self.file} holds no sentences; wanted one a line")
        if 0 < self.count < len(sentences):
            chosen = drawing(self.seed, "sentences").sample(range(len(sentences)), self.count)
            sentences = [sentences[place] for place in sorted(chosen)]
        return (self._planned(sentence) for sentence in sentences)

    def open(self) -> Worker:
        """Nothing to open: sentences are only looked over."""
        return one_by_one(self._looked_over)

    def last_look(self) -> LastLook:
        """Drop a sentence that occurred before, as either kind."""
        seen: set[str] = set()

        def look(record: Record) -> str | None:
            if record.turns[0].text in seen:
                return TWICE
            seen.add(record.turns[0].text)
            return None

        return look

    def _planned(self, sentence: str) -> Record:
        name = f"text-{short_digest(self.language, sentence)}"
        kind = drawn_kind(self.shares, drawing(self.seed, name))
        said = (sentence, self.language)
        split = split_of(sentence, self.seed, self.test_share)
        turns = (Turn("human", sentence, language=self.language),) if kind == "text" else two_turns(kind, said, said)
        return Record(name, kind, turns, self.file.stem, self.licence, split)

    def _looked_over(self, row: Record) -> Outcome:
        text, language = row.turns[0].text, language_named(self.language)
        reason = trouble(text, language, digits=self.digits) or self.lengths.trouble(text, language)
        return Dropped(row.id, reason, text[:200]) if reason else Kept(row)


def read_column(file: Path, column: int) -> Iterator[str]:
    """A column of each line, cleaned; empty for an empty line. Raises DataError where a line has too few columns."""
    for number, line in enumerate(read_lines(file), 1):
        columns = line.split("\t")
        if line.strip() and len(columns) < column:
            raise DataError(f"{file}, line {number}: {len(columns)} columns; wanted column {column}, or name another")
        yield plain(columns[column - 1]) if line.strip() else ""
