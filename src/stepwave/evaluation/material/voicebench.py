"""VoiceBench as its hub lays it out: the data set hlt-lab/voicebench (Apache-2.0), a folder for each of its sets.

    FOLDER/NAME/SPLIT-*.parquet   `audio` (a file's bytes), `prompt` (the words), in some sets `reference` or `output`
    FOLDER/NAME/SPLIT.jsonl       the same, an object a line; `audio` is a path relative to the folder of the set

The second form is written of the first when it is first read: suites read recordings in files. No card of the data set
could be had here, so columns are those that programs which read it name. Options of multiple choice stand in the words.
"""

import importlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stepwave.evaluation.answers import make_folder
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.json_lines import numbered_lines
from stepwave.evaluation.recordings import inside
from stepwave.facts.errors import ConfigError, DataError, MissingExtraError
from stepwave.signal.atomic import replace_file

_TOGETHER: Final = 64
"""Rows in memory at once."""
_OPTION: Final = re.compile(r"^\s*\(?([A-Z])[).:]\s*(.+?)\s*$", re.MULTILINE)
_SHARD: Final = re.compile(r"(.+?)-\d+-of-\d+")
_SUFFIXES: Final = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3\x03": ".mp3"}


def voicebench_items(folder: Path, name: str) -> list[Item]:
    """The items of one set, tagged with their `split`; a multiple choice has `options` and the right one's text.

    Raises ConfigError where the set is missing, DataError for a row that is none of its items, OutputError where
    recordings can't be unpacked, MissingExtraError.
    """
    place = folder / name
    for split, files in _packed(place).items():
        if not (place / f"{split}.jsonl").is_file():
            _unpack(place, split, files)
    lists = sorted(place.glob("*.jsonl"))
    if not lists:
        raise ConfigError(
            f"{place} holds no list of VoiceBench's {name}; copy the folder of that name from the hub's data set "
            "hlt-lab/voicebench, and name the folder that holds it with --data"
        )
    return [item for path in lists for item in _items(path, name)]


def _packed(place: Path) -> Mapping[str, Sequence[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(place.glob("*.parquet")):
        shard = _SHARD.fullmatch(path.stem)
        found.setdefault(shard[1] if shard else path.stem, []).append(path)
    return found


def _unpack(place: Path, split: str, files: Sequence[Path]) -> None:
    lines = []
    make_folder(place / split)
    for number, row in enumerate(row for path in files for row in _rows(path)):
        data = row["audio"]["bytes"] if isinstance(row.get("audio"), Mapping) else None
        if not data:
            raise DataError(f"{place}, {split}, row {number}: there is no recording inside; fetch it again")
        name = f"{split}/{number:05d}{_SUFFIXES.get(data[:4], '.wav')}"
        replace_file(place / name, data)
        texts = {key: value for key, value in row.items() if isinstance(value, str)}
        lines.append(json.dumps({**texts, "audio": name}, ensure_ascii=False) + "\n")
    replace_file(place / f"{split}.jsonl", "".join(lines).encode())


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        parquet, arrow = importlib.import_module("pyarrow.parquet"), importlib.import_module("pyarrow")
    except ImportError:
        raise MissingExtraError("train", "pyarrow") from None
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_TOGETHER):
                yield from batch.to_pylist()
    except (arrow.ArrowException, OSError) as problem:
        raise DataError(f"{path} can't be read as Parquet ({problem}); fetch it again") from None


def _items(path: Path, name: str) -> Iterator[Item]:
    for number, line in numbered_lines(path):
        try:
            yield _item(json.loads(line), path, name, number)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path}, line {number}: this is no item of VoiceBench ({error!r}); fetch it again"
            ) from None


def _item(row: Mapping[str, Any], path: Path, name: str, number: int) -> Item:
    prompt, right = str(row["prompt"]), str(row.get("reference") or row.get("output") or "").strip()
    options = tuple(text for _, text in _OPTION.findall(prompt))
    if len(options) > 1 and len(right) == 1:
        right = options[[label for label, _ in _OPTION.findall(prompt)].index(right.upper())]
    else:
        options = ()
    return Item(
        f"{name}-{path.stem}-{number}",
        prompt,
        Sound(str(inside(path.parent, str(row["audio"])))),
        (right,) if right else (),
        options=options,
        tags={"split": path.stem},
    )
