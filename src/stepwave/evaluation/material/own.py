"""A folder of one's own recordings, in any of the ways in which people keep them.

    FOLDER/manifest.jsonl   a manifest of ours, its records about one recording each (docs/data.md)
    FOLDER/*.jsonl          an object a line: `path`, `text`, and any of `id`, `language`, `sha256`, `tags` (an object)
    FOLDER/*.tsv, *.csv     the same as columns, `path` and `text`; other columns become tags

Paths are relative to the folder.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from stepwave.data.manifests import MANIFEST, read_manifest
from stepwave.data.records import Record, speech_in
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.json_lines import numbered_lines
from stepwave.evaluation.material.corpora import item_of
from stepwave.evaluation.recordings import sound_of
from stepwave.facts.errors import ConfigError, DataError
from stepwave.prepare.ingest.entries import Place
from stepwave.prepare.ingest.folders import folder as listed

_KEYS: Final = {"path", "text", "id", "language", "sha256", "tags", "references", "answer_language", "label"}


def own_items(folder: Path) -> list[Item]:
    """The recordings of a folder that have words.

    Raises ConfigError where it holds no list, DataError for a list that can't be used.
    """
    if (folder / MANIFEST).is_file():
        return list(_records(folder))
    lists = sorted(folder.glob("*.jsonl"))
    if len(lists) > 1:
        raise ConfigError(f"{folder} holds several lists ({', '.join(path.name for path in lists)}); leave one there")
    if lists:
        return list(_lines(lists[0]))
    if not [*folder.glob("*.tsv"), *folder.glob("*.csv")]:
        raise ConfigError(
            f"{folder} holds no list of recordings; name a folder with --data that has a .tsv, .csv or .jsonl with "
            "path and text, or a manifest.jsonl of ours"
        )
    return [_with_digest(item_of(entry)) for entry in listed(Place(folder)) if entry.text and not entry.problem]


def _with_digest(item: Item) -> Item:
    """A column `sha256` belongs to the recording; it is no tag."""
    tags = {**item.tags}
    digest = tags.pop("sha256", "")
    assert item.sound is not None
    sound = Sound(item.sound.path, digest, item.sound.start, item.sound.seconds)
    return Item(item.id, item.text, sound, item.references, item.language, item.answer_language, tags=tags)


def _records(folder: Path) -> Iterator[Item]:
    for record in read_manifest(folder):
        speech = speech_in(record)
        if speech is not None and speech.turns[0].text:
            yield _item(speech)


def _item(record: Record) -> Item:
    turn = record.turns[0]
    assert turn.clip is not None
    tags = {"source": record.source} if record.source else {}
    return Item(record.id, turn.text, sound_of(turn.clip), language=turn.language or "en", tags=tags)


def _lines(path: Path) -> Iterator[Item]:
    for number, line in numbered_lines(path):
        yield _line(line, path.parent, f"{path}, line {number}")


def _line(line: str, folder: Path, place: str) -> Item:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: this is not JSON ({error}); wanted an object with path and text") from error
    if not isinstance(record, dict) or not record.keys() >= {"path", "text"} or not record.keys() <= _KEYS:
        raise DataError(f"{place}: wanted an object with path and text, and any of {', '.join(sorted(_KEYS))}")
    tags: Any = record.get("tags", {})
    references: Any = record.get("references", [])
    texts = (record.get(name, "") for name in _KEYS - {"tags", "references"})
    if not isinstance(tags, Mapping) or not isinstance(references, list) or not all(isinstance(t, str) for t in texts):
        raise DataError(
            f"{place}: every value is a text, but tags (an object of texts) and references (a list of them)"
        )
    return Item(
        str(record.get("id", record["path"])),
        record["text"],
        Sound(str(folder / record["path"]), record.get("sha256", "")),
        tuple(map(str, references)),
        record.get("language", "en"),
        record.get("answer_language", ""),
        label=record.get("label", ""),
        tags={str(name): str(value) for name, value in tags.items()},
    )
