"""MMAU test-mini: multiple-choice questions about sound, speech and music, as its authors lay it out.

    FOLDER/mmau-test-mini.json   a list of {"id", "audio_id", "question", "choices", "answer", "task", "category", ...}
    FOLDER/test-mini-audios/     the recordings; `audio_id` is a path from FOLDER

`answer` is one of `choices`; `task` is `sound`, `speech` or `music`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.recordings import inside
from stepwave.facts.errors import ConfigError, DataError

LIST: Final = "mmau-test-mini.json"
SYSTEM: Final = (
    "You are an expert in audio analysis, please analyze the audio content and answer the questions accurately."
)
"""The released example's system prompt (reference facts 4.7)."""
ASK: Final = (
    "{question} Please choose the answer from the following options: [{options}] "
    "Output the final answer in <RESPONSE> </RESPONSE>."
)


def mmau_items(folder: Path) -> list[Item]:
    """All questions of the list, tagged with `domain` and `category`.

    Raises ConfigError where there is no list, DataError where it can't be read or an answer is none of the choices.
    """
    path = folder / LIST
    if not path.is_file():
        raise ConfigError(f"{folder} holds no {LIST}; name the folder of MMAU's test-mini with --data")
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return [_item(row, folder) for row in rows]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} can't be read ({type(error).__name__}: {error}); fetch it again") from None


def _item(row: Mapping[str, Any], folder: Path) -> Item:
    options, answer = tuple(str(each) for each in row["choices"]), str(row["answer"])
    if answer not in options:
        raise ValueError(f"the answer of {row['id']}, {answer!r}, is none of its choices")
    return Item(
        str(row["id"]),
        str(row["question"]),
        Sound(str(inside(folder, str(row["audio_id"])).resolve())),
        (answer,),
        system=SYSTEM,
        instruction=ASK.format(question=row["question"], options=", ".join(options)),
        options=options,
        tags={"domain": str(row["task"]), "category": str(row.get("sub-category") or row.get("category") or "")},
    )
