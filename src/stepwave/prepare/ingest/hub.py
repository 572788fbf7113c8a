"""Data sets of the Hugging Face hub, or of its format in a local folder, through the package `datasets`.

Only data is read: no code that comes with a data set is ever run, and sound is decoded by our own reader. What is read
is always stored, since the package's cache is no place to refer to.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Final

from stepwave.data.languages import language_code
from stepwave.data.records import Clip, Kind, Record, Turn
from stepwave.facts.errors import ConfigError, DataError, MissingExtraError, short_reason
from stepwave.prepare.ingest.columns import Columns, find_columns
from stepwave.prepare.ingest.corpora import CORPORA
from stepwave.prepare.ingest.entries import row_id, split_of
from stepwave.prepare.ingest.listening import Rules, listen
from stepwave.prepare.pipeline.steps import Dropped, Outcome, Step, Worker, one_by_one

_PAIR: Final = re.compile(r"([a-z]{2,3})[_-]([A-Za-z_-]+)")
PREFIX: Final = "hub:"
"""What a place begins with that is a data set's id and no folder."""


@dataclass(frozen=True)
class IngestHub(Step):
    """Takes in one split of a data set: rows are numbers of its rows, each worker opens the data set for itself."""

    name: ClassVar[str] = "ingest"
    corpus: str
    """A name of the registry, for kind, licence and language."""
    place: str
    """Id of the data set (`google/fleurs`) or a folder in the hub's format."""
    split: str = "train"
    config: str = ""
    revision: str = ""
    """Commit, tag or branch; only a commit makes sure that the same rows come next year."""
    streaming: bool = False
    """Read rows as they come instead of fetching all first. Each worker then reads the stream from its start."""
    columns: tuple[tuple[str, str], ...] = ()
    """Field and column, where a column's name does not say what it holds."""
    language: str = ""
    limit: int = 0
    """Rows at most; 0 for all."""
    licence: str = ""
    rules: Rules = field(default_factory=Rules)
    cache: str = ""
    """Where `datasets` keeps what it fetched; its own default where empty. No matter for the output."""

    def identity(self) -> dict[str, Any]:
        """Without the place of the cache."""
        described = super().identity()
        return {**described, "settings": {**described["settings"], "cache": ""}}

    def rows(self) -> Iterable[Record]:
        """One per row of the data set, empty but for its number."""
        corpus = CORPORA[self.corpus]
        data = self._open()
        columns = find_columns(data.features, self.columns, self.place)
        kind = _kind(columns, corpus.kind if self.corpus != "hub" else "")
        for number in range(self._count(data)):
            turn = Turn("human", clip=None, spoken=True)
            name = row_id(self.corpus, *filter(None, (self.config, self.split)), f"{number:08d}")
            licence = self.licence or corpus.licence
            source = self.place if self.corpus == "hub" else self.corpus
            details = {"part": self.split, "row": number}
            yield Record(name, kind, (turn,), source, licence, split_of(self.split), details)

    def open(self) -> Worker:
        """Opens the data set; what is in the cache is not fetched again."""
        data = self._open()
        columns = find_columns(data.features, self.columns, self.place)
        fetch = _Stream(data).get if self.streaming else data.__getitem__
        return one_by_one(lambda row: self._work(row, fetch, columns))

    def _work(self, row: Record, fetch: Callable[[int], dict[str, Any]], columns: Columns) -> Outcome:
        try:
            found = fetch(int(row.details["row"]))
        except StopIteration:
            return Dropped(row.id, "beyond the last row", f"{self.place} ends before row {row.details['row']}")
        except Exception as problem:  # of many libraries; a lost connection concerns all rows and not this one
            raise ConfigError(f"{self.place} cannot be read on ({problem}); run again to go on") from problem
        sound = found[columns.sound] or {}
        data = sound.get("bytes")
        path = str(sound.get("path") or "")
        if data is None and not Path(path).is_file():
            return Dropped(row.id, "no such sound", f"the row holds no bytes, and {path!r} is no file here")
        source, target = self._languages()
        language = columns.text_of("language", found) or source
        speaker = columns.text_of("speaker", found)
        clip = Clip(
            row.id,
            "" if data is not None else path,
            voice=f"{self.corpus}/{speaker}" if speaker else "",
            attributes=columns.attributes_of(found),
        )
        text = CORPORA[self.corpus].as_text(columns.text_of("text", found))
        human = Turn("human", text, clip, spoken=True, language=language_code(language))
        turns = [human]
        if row.kind in ("s2tt", "s2st"):
            turns.append(Turn("assistant", columns.text_of("translation", found), language=target))
        details = {**row.details, **columns.details_of(found)}
        record = Record(row.id, row.kind, tuple(turns), row.source, row.licence, row.split, details)
        return listen(record, self.rules, {clip.id: data if data is not None else Path(path).read_bytes()})

    def _languages(self) -> tuple[str, str]:
        """Language of the speech and of a translation, as far as settings tell: the configuration may be en_de."""
        told = _PAIR.fullmatch(self.config)
        source, target = told.groups() if told else ("", "")
        only = CORPORA[self.corpus].languages
        return self.language or (only[0] if len(only) == 1 else source), language_code(target)

    def _count(self, data: Any) -> int:
        if not self.streaming:
            count = int(data.num_rows)
        else:
            about = (data.info.splits or {}).get(self.split)
            count = int(about.num_examples or 0) if about is not None else 0
            if not count and not self.limit:
                raise ConfigError(f"{self.place} does not say how many rows it has; add --limit, or fetch it whole")
            count = count or self.limit
        return min(count, self.limit) if self.limit else count

    def _open(self) -> Any:
        datasets = _datasets()
        try:
            data = datasets.load_dataset(
                self.place,
                self.config or None,
                split=self.split,
                revision=self.revision or None,
                streaming=self.streaming,
                cache_dir=self.cache or None,
            )
        except (OSError, ValueError, RuntimeError) as problem:
            raise DataError(
                f"the data set {self.place} cannot be opened: {short_reason(problem)}; check its id, --config, --split "
                "and the network"
            ) from problem
        if data.features is None:
            raise DataError(f"{self.place} does not say what its columns are when streamed; leave out --streaming")
        sound = find_columns(data.features, self.columns, self.place).sound
        return data.cast_column(sound, datasets.Audio(decode=False))


class _Stream:
    """Rows of a stream by number; going on costs nothing, going back begins anew."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._rows: Iterator[dict[str, Any]] = iter(())
        self._next = -1

    def get(self, number: int) -> dict[str, Any]:
        """Raises StopIteration beyond the last one."""
        if self._next < 0 or number < self._next:
            self._rows, self._next = iter(self._data.skip(number)), number
        while True:
            row = next(self._rows)
            self._next += 1
            if self._next > number:
                return row


def _kind(columns: Columns, declared: str) -> Kind:
    if declared == "s2tt" or (not declared and columns.has("translation")):
        return "s2tt"
    if declared == "s2st":
        raise DataError("spoken translations are not read from the hub: two recordings a row; use the folder instead")
    listed = columns.has("labels") or columns.has("captions")
    return "sound" if declared == "sound" or (not declared and listed and not columns.has("text")) else "speech"


def _datasets() -> ModuleType:
    try:
        return importlib.import_module("datasets")
    except ImportError:
        raise MissingExtraError("prepare", "datasets") from None
