"""StepEval-Audio-Paralinguistic as its hub lays it out (reference facts 9.1).

    FOLDER/TASK/TASK.json     a list of {"audio": "NAME.wav", "task": {"name", "label", "answer"}}
    FOLDER/TASK/audio/*.wav   the question, spoken in the recording that it is about

TASK is one of `TASKS`, 50 items each, all Chinese. An item of another language says so in a key `language`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from stepwave.evaluation.items import Item, Sound
from stepwave.facts.errors import ConfigError, DataError

TASKS: Final[Mapping[str, str]] = {
    "gender": "gender",
    "age": "age",
    "voice_tone": "timbre",
    "scene": "scenario",
    "event": "event",
    "emotions": "emotion",
    "pitch": "pitch",
    "rhythm": "rhythm",
    "speed": "speed",
    "voice_styles": "style",
    "vocalsound": "vocal",
}
"""Folders, and what the report calls them (table 2), in its order."""
SYSTEM: Final = "You are a voice assistant, please respond to the user's question using speech."
"""The report's system prompt (section 4.2)."""


def paralinguistic_items(folder: Path) -> list[Item]:
    """Items of all tasks that are there, tagged with `task`.

    Raises ConfigError where there is none, DataError for a list that can't be read.
    """
    inside = folder / "Step-Audio_Paralinguistic"
    root = inside if inside.is_dir() else folder
    found = [name for name in TASKS if (root / name / f"{name}.json").is_file()]
    if not found:
        raise ConfigError(
            f"{folder} holds no task of StepEval-Audio-Paralinguistic (gender/gender.json and so on); name its folder "
            "with --data"
        )
    return [item for name in found for item in _items(root / name, name)]


def _items(folder: Path, name: str) -> Iterator[Item]:
    path = folder / f"{name}.json"
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        labels = tuple(sorted({str(row["task"]["label"]) for row in rows}))
        for row in rows:
            yield _item(row, folder, TASKS[name], labels)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} can't be read as items of a task ({type(error).__name__}: {error}); fetch it again"
        ) from None


def _item(row: Mapping[str, Any], folder: Path, task: str, labels: tuple[str, ...]) -> Item:
    audio, label = Path(str(row["audio"])).name, str(row["task"]["label"])
    answer = str(row["task"].get("answer") or label)
    reference = answer if label in answer else f"{answer} ({label})"
    return Item(
        f"{task}-{Path(audio).stem}",
        str(row["task"]["name"]),
        Sound(str(folder / "audio" / audio)),
        (reference,),
        language=str(row.get("language", "zh")),
        system=SYSTEM,
        options=labels,
        label=label,
        tags={"task": task},
    )
