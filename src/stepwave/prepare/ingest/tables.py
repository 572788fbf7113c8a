"""Lists of corpora on disk: tables with named columns, and files of a key and the rest of the line."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from stepwave.facts.errors import DataError
from stepwave.prepare.ingest.entries import LayoutError

csv.field_size_limit(2**24)


def read_table(
    path: Path,
    needed: Sequence[str],
    form: Literal["tsv", "csv", "bars"] = "tsv",
    columns: Sequence[str] | None = None,
) -> Iterator[dict[str, str]]:
    """Rows of a table by column; a value that a row lacks is empty, quotes mean something in `csv` alone.

    `columns` names the columns of a table without a heading. Bytes that are no UTF-8 become U+FFFD, for the row to be
    dropped by. Raises LayoutError (no such file), DataError (a column of `needed` is missing).
    """
    with _opened(path) as lines:
        delimiter = {"tsv": "\t", "csv": ",", "bars": "|"}[form]
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if form == "csv" else csv.QUOTE_NONE
        rows: csv.DictReader[str] = csv.DictReader(
            lines, columns, restval="", delimiter=delimiter, quoting=quoting, skipinitialspace=form == "csv"
        )
        missing = [name for name in needed if name not in (rows.fieldnames or ())]
        if missing:
            raise DataError(
                f"{path} lacks the column {', '.join(missing)}; it has: {', '.join(rows.fieldnames or ['nothing'])}; "
                "add what is missing, with a heading in the first line"
            )
        try:
            for row in rows:
                yield {name: value.strip() for name, value in row.items() if isinstance(name, str)}
        except csv.Error as problem:
            raise DataError(f"{path}, line {rows.line_num}: {problem}; mend that line") from None


def read_pairs(path: Path) -> dict[str, str]:
    """A file of lines `KEY REST`, as Kaldi writes them; what follows the first space or tab is the value.

    Raises LayoutError where there is none.
    """
    pairs: dict[str, str] = {}
    with _opened(path) as lines:
        for line in lines:
            key, *rest = line.split(maxsplit=1)
            pairs[key] = rest[0].strip() if rest else ""
    return pairs


class _Lines:
    """Lines of a text file that are not blank, without a byte order mark."""

    def __init__(self, path: Path) -> None:
        self._file = path.open(encoding="utf-8-sig", errors="replace", newline="")

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[str]:
        # NUL would be an error of the csv module; it has no business in a transcript.
        return (line.replace("\0", "\N{REPLACEMENT CHARACTER}") for line in self._file if line.strip())


def _opened(path: Path) -> _Lines:
    try:
        return _Lines(path)
    except OSError as problem:
        raise LayoutError(f"{path.name} cannot be read ({problem.strerror})") from None
