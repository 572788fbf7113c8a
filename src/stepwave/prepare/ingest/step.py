"""The step `ingest`: a corpus on disk becomes a manifest, and every recording that cannot be used is counted."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from stepwave.data.records import Record
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.ingest.corpora import CORPORA, Corpus
from stepwave.prepare.ingest.entries import Entry, LayoutError, Place, row_id, to_row
from stepwave.prepare.ingest.lhotse_sets import by_recipe
from stepwave.prepare.ingest.listening import Rules, listen
from stepwave.prepare.pipeline.steps import LastLook, Step, Worker, one_by_one

TWICE = "listed twice"


@dataclass(frozen=True)
class Ingest(Step):
    """Takes in a corpus on disk. Listing it opens no recording; a worker reads each of them once."""

    name: ClassVar[str] = "ingest"
    corpus: str
    """A name of the registry."""
    folder: Path
    splits: tuple[str, ...] = ()
    """Parts as the corpus calls them; all where empty."""
    languages: tuple[str, ...] = ()
    """As ISO 639-1 or as the corpus writes them; all where empty."""
    sounds: Path | None = None
    """Where the recordings lie, if not beside the lists."""
    kind: Literal["", "speech", "sound"] = ""
    """For a folder that does not say."""
    table: str = ""
    """For a folder with several."""
    way: Literal["layout", "lhotse"] = "layout"
    """Read the corpus's own lists, or run Lhotse's recipe for it."""
    limit: int = 0
    """Entries at most; 0 for all."""
    called: str = ""
    """Name of the corpus in records and voices; the registry's where empty."""
    licence: str = ""
    """The registry's where empty."""
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        if self.called and row_id(self.called) != self.called:
            raise ConfigError(
                f"{self.called!r} cannot name a corpus; wanted letters, digits, dots, dashes and underscores alone"
            )

    def rows(self) -> Iterable[Record]:
        """One per entry of the corpus, not yet listened to."""
        corpus = CORPORA[self.corpus]
        if not self.folder.is_dir():
            raise DataError(
                f"there is no folder {self.folder}; wanted {corpus.layout}; for a data set of the Hugging Face hub "
                "write hub:OWNER/NAME"
            )
        try:
            entries = self._entries(corpus)
            if self.limit:
                entries = itertools.islice(entries, self.limit)
            for entry in entries:
                yield to_row(entry, self.called or corpus.name, self.licence or corpus.licence)
        except LayoutError as problem:
            raise DataError(
                f"{self.folder} does not hold {corpus.title} as it is published: {problem}; wanted {corpus.layout}"
            ) from None

    def open(self) -> Worker:
        """Nothing to open: recordings are read by themselves."""
        return one_by_one(lambda row: listen(row, self.rules))

    def last_look(self) -> LastLook:
        """Drops what a corpus lists again under the same name."""
        seen: set[str] = set()

        def look(record: Record) -> str | None:
            if record.id in seen:
                return TWICE
            seen.add(record.id)
            return None

        return look

    def _entries(self, corpus: Corpus) -> Iterator[Entry]:
        place = Place(self.folder, self.splits, self.languages, self.sounds, self.kind, self.table)
        if self.way == "layout":
            return corpus.read(place)
        if not corpus.recipe:
            with_one = ", ".join(each.name for each in CORPORA.values() if each.recipe)
            raise ConfigError(f"Lhotse has no recipe for {corpus.title}; it has one for: {with_one}")
        only = corpus.languages[0] if len(corpus.languages) == 1 else ""
        entries = by_recipe(corpus.recipe, place, only)
        return (replace(entry, text=corpus.as_text(entry.text)) for entry in entries)
