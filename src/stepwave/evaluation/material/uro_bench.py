"""URO-Bench as its archive unpacks: `URO-Bench-data.zip` of the hub's data set Honggao/URO-Bench (MIT).

    URO-Bench-data/{basic,pro}/NAME/test.jsonl   an object a line; paths are relative to the file's folder
        one question     id, source_wav, source_text, target_text (a text, or a list of them), and in some sets
                         emotion, style, language, reference
        several rounds   id, dialogue: a list of {round, source_wav, source_text, target_text}

The archive was changed in August 2025 (sets were added and rebuilt): the report, of July, has the 36 sets before that,
so counts may differ from its own. The archive's digest is not known here; runs keep the items' digest. Of sets with
emotions and styles no sample of `style` was found: it is used where a line has it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from stepwave.evaluation.items import Item, Sound, Turn
from stepwave.evaluation.json_lines import numbered_lines
from stepwave.evaluation.recordings import inside
from stepwave.facts.errors import ConfigError, DataError
from stepwave.text.language_names import LANGUAGE_NAMES

Scored: TypeAlias = Literal["repeat", "qa", "open", "suggested", "empathy", "privacy", "style", "language", "rounds",
                            "speakers"]  # fmt: skip
"""How answers of a set are scored."""
ARCHIVE: Final = "URO-Bench-data"
_TOLD: Final = ("emotion", "style", "language")
_CODES: Final = {name.lower(): code for code, name in LANGUAGE_NAMES.items()}


@dataclass(frozen=True)
class Part:
    """One of its sets."""

    name: str
    """Of its folder."""
    shown: str
    """In the report's table 7."""
    scored: Scored


def part_items(
    data: Path, track: Literal["basic", "pro"], language: str, dimensions: Mapping[str, Sequence[Part]]
) -> list[Item]:
    """The items of several sets, by turns, so that a limit takes some of each. Tags: dimension, dataset, scored.

    Raises ConfigError where a set is missing, DataError for a line that is none of its items.
    """
    root = next((root for root in (data / ARCHIVE, data) if (root / track).is_dir()), data / ARCHIVE)
    parts = [(dimension, part) for dimension, members in dimensions.items() for part in members]
    missing = [part.name for _, part in parts if not (root / track / part.name / "test.jsonl").is_file()]
    if missing:
        raise ConfigError(
            f"{root / track} lacks {', '.join(missing)}; unpack URO-Bench-data.zip of the hub's data set "
            "Honggao/URO-Bench and name the folder that holds it with --data"
        )
    read = [_read(root / track / part.name, part, dimension, language) for dimension, part in parts]
    return [item for item in chain.from_iterable(zip_longest(*read)) if item is not None]


def _read(folder: Path, part: Part, dimension: str, language: str) -> list[Item]:
    path, items = folder / "test.jsonl", []
    for number, line in numbered_lines(path):
        try:
            item = _item(json.loads(line), folder, language)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise DataError(f"{path}, line {number}: this is no item of URO-Bench ({error!r})") from error
        tags = {"dimension": dimension, "dataset": part.shown, "scored": part.scored}
        items.append(replace(item, id=f"{part.name}-{item.id}", tags={**item.tags, **tags}))
    return items


def _item(record: Mapping[str, Any], folder: Path, language: str) -> Item:
    rounds = record.get("dialogue") or [record]
    *before, last = [(str(each["source_text"]), Sound(str(inside(folder, str(each["source_wav"]))))) for each in rounds]
    references = [_texts(each.get("target_text", "")) for each in rounds]
    told = {name: str(record[name]) for name in _TOLD if isinstance(record.get(name), str) and record[name]}
    answer = _CODES.get(told.get("language", "").lower(), told.get("language", "").lower())
    return Item(
        str(record["id"]),
        last[0],
        last[1],
        tuple(references[0] if len(rounds) == 1 else (" | ".join(each) for each in references)),
        language,
        answer if answer in LANGUAGE_NAMES else "",
        turns=tuple(Turn("user", text, sound) for text, sound in before),
        tags=told,
    )


def _texts(target: Any) -> tuple[str, ...]:
    return tuple(str(text) for text in (target if isinstance(target, list) else [target]) if text)
