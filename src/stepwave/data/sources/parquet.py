"""Parquet files as a source: a column of sounds, as Hugging Face writes them, and columns of what is said of them.

Rows are read by row group, columns of text apart from the sounds. Since a row group is the least that can be read, the
last one is kept: reading in order is cheap, reading here and there costs a row group each time. Shards written for
training should have small ones.
"""

import bisect
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from torch import Tensor

from stepwave.data.addresses import expand, folder_of, inside, list_folder, open_binary, reason, resolve, state_of
from stepwave.data.languages import language_code
from stepwave.data.manifests import read_clip
from stepwave.data.records import Clip, Record
from stepwave.data.sources.contract import SourceConfig
from stepwave.data.sources.headers import seconds_in, seconds_of
from stepwave.data.sources.plain import Entry, as_record, plain_kind
from stepwave.facts.errors import AudioError, AudioFormatError, DataError, MissingExtraError
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples

_ROW: Final = "#"
"""Between a file and the number of a row, in the place of a clip whose sound lies in the row."""
_FIELDS: Final = ("audio", "text", "language", "speaker", "id")


@dataclass(frozen=True)
class _Group:
    """A row group."""

    file: int
    """Which of the files."""
    number: int
    """Which row group of it."""
    start: int
    """Its first row, counted in the source."""
    inside: int
    """Its first row, counted in the file."""


class ParquetSource:
    """Rows of one file or many, in order.

    The column of sounds holds bytes, or bytes and a path of which one is there, or a path. Columns are called as the
    fields are (`audio`, `text`, `language`, `speaker`, `id`), unless `columns` says otherwise.
    """

    def __init__(self, config: SourceConfig) -> None:
        """Reads the footers of all files.

        Raises DataError (nothing there, or a column is missing), ConfigError, MissingExtraError (without pyarrow).
        """
        self.name, self._config, self._kind = config.address, config, plain_kind(config)
        self._files = _files_of(config.address)
        self._footers: list[Any] = []
        self._columns: list[dict[str, str]] = []
        self._groups: list[_Group] = []
        self._firsts: dict[str, int] = {}
        self._rows = 0
        for file in self._files:
            self._take_in(file)
        self._starts = [each.start for each in self._groups]
        # Texts and sounds of the row group read last.
        self._kept: dict[bool, tuple[_Group, Any]] = {}

    def __len__(self) -> int:
        return self._rows

    def __getstate__(self) -> dict[str, Any]:
        """A copy for another process goes without what was read."""
        return {**self.__dict__, "_kept": {}}

    def record(self, index: int) -> Record:
        """The record of a row; its sound is opened for its length, and not decoded."""
        group = self._groups[bisect.bisect_right(self._starts, index) - 1]
        file, row = self._files[group.file], index - group.start
        columns = self._columns[group.file]
        try:
            texts = self._read(group, sounds=False)
            said = {field: _text(texts, column, row) for field, column in columns.items() if field != "audio"}
            name = said.get("id") or f"{Path(file).name.removesuffix('.parquet')}-{group.inside + row:08d}"
            speaker = said.get("speaker", "")
            clip = None
            if self._kind != "text":
                clip = self._clip(name, group, row, speaker)
            language = language_code(said.get("language", ""))
            return as_record(Entry(clip, said.get("text", ""), language, speaker), name, self._kind, self._config)
        except (AudioError, DataError) as problem:
            raise DataError(f"{file}, row {group.inside + row}: {problem}; mend or leave out the row") from None

    def samples(self, clip: Clip) -> Samples:
        """Sound at 16 kHz. Raises AudioError, which names file and row where the sound is damaged."""
        file, _, row = clip.file.rpartition(_ROW)
        if file not in self._firsts or not row.isdecimal():
            return read_clip(clip)[0]
        group = self._groups[bisect.bisect_right(self._starts, self._firsts[file] + int(row)) - 1]
        try:
            return read_audio(self._sound(group, int(row) - group.inside)[0] or b"").samples
        except (AudioFormatError, DataError) as problem:
            raise AudioFormatError(f"{file}, row {row}: {problem}") from None

    def tensor(self, name: str) -> Tensor | None:
        """Nothing was computed."""
        return None

    def length(self, name: str) -> int | None:
        """Nothing was computed."""
        return None

    def version(self) -> str:
        """Changes when a file does."""
        columns = json.dumps(self._config.columns, sort_keys=True)
        return "\n".join([self._kind, columns, *(f"{each}={state_of(each)}" for each in self._files)])

    def _take_in(self, file: str) -> None:
        try:
            with open_binary(file) as opened:
                parquet = _parquet().ParquetFile(opened)
                footer, there = parquet.metadata, parquet.schema_arrow.names
        except OSError as problem:
            raise DataError(f"{file} cannot be read ({reason(problem)}); check the address") from None
        except ValueError as problem:
            raise DataError(f"{file} is damaged or no Parquet file ({problem}); fetch it again") from None
        inside = 0
        self._firsts[file] = self._rows
        self._columns.append(self._columns_of(file, there))
        for number in range(footer.num_row_groups):
            self._groups.append(_Group(len(self._footers), number, self._rows, inside))
            inside += footer.row_group(number).num_rows
            self._rows += footer.row_group(number).num_rows
        self._footers.append(footer)

    def _columns_of(self, file: str, there: Sequence[str]) -> dict[str, str]:
        """Column by field, of those that are there."""
        needed = {"audio"} if self._kind != "text" else set()
        needed |= {"text"} if self._kind != "speech" else set()
        columns = {field: self._config.columns.get(field, field) for field in _FIELDS}
        missing = [
            f"{column!r}"
            for field, column in columns.items()
            if column not in there and (field in needed or field in self._config.columns)
        ]
        if missing:
            raise DataError(
                f"{file} lacks the column {', '.join(missing)}; it has: {', '.join(there)}; say which one holds what: "
                "columns={'text': NAME}"
            )
        return {field: column for field, column in columns.items() if column in there}

    def _clip(self, name: str, group: _Group, row: int, speaker: str) -> Clip:
        data, path = self._sound(group, row)
        if data is not None:
            place = f"{self._files[group.file]}{_ROW}{group.inside + row}"
            return Clip(name, place, seconds=seconds_of(data), voice=speaker)
        clip = Clip(name, resolve(path, folder_of(self._files[group.file])), voice=speaker)
        return replace(clip, seconds=seconds_in(clip.file))

    def _sound(self, group: _Group, row: int) -> tuple[bytes | None, str]:
        """Bytes of a row's sound or None, and its path or nothing. Raises DataError where it has neither."""
        column = self._columns[group.file]["audio"]
        value = self._read(group, sounds=True).column(column)[row].as_py()
        if isinstance(value, Mapping):
            data, path = value.get("bytes"), str(value.get("path") or "")
        elif isinstance(value, bytes):
            data, path = value, ""
        else:
            data, path = None, str(value or "")
        if not data and not path:
            raise DataError(f"there is no sound in the column {column!r}, neither bytes nor a path")
        return data or None, path

    def _read(self, group: _Group, sounds: bool) -> Any:
        """Columns of a row group: that of the sounds, or the others that are used. Raises DataError."""
        kept = self._kept.get(sounds)
        if kept is None or kept[0] != group:
            self._kept.pop(sounds, None)  # before the next one is read: both may be large
            file, columns = self._files[group.file], self._columns[group.file]
            wanted = [column for field, column in columns.items() if (field == "audio") == sounds]
            try:
                with open_binary(file) as opened:
                    parquet = _parquet().ParquetFile(opened, metadata=self._footers[group.file])
                    # Threads of a process that was forked may be gone.
                    table = parquet.read_row_group(group.number, columns=wanted, use_threads=False)
            except (OSError, ValueError) as problem:
                why = reason(problem) if isinstance(problem, OSError) else problem
                raise DataError(f"row group {group.number} cannot be read ({why}); fetch the file again") from None
            kept = self._kept[sounds] = group, table
        return kept[1]


def _files_of(address: str) -> list[str]:
    names = list_folder(address)
    if names is None:
        return expand(address)
    files = [inside(address, each) for each in names if each.endswith(".parquet")]
    if not files:
        raise DataError(f"{address} holds no .parquet; name the files or their folder")
    return files


def _text(table: Any, column: str, row: int) -> str:
    value = table.column(column)[row].as_py()
    return "" if value is None else str(value)


def _parquet() -> ModuleType:
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtraError("train", "pyarrow") from None
