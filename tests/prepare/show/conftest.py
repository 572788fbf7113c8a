"""A small manifest with tones as its sounds, and whatever a record may hold."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
import soundfile

from stepwave.data.manifests import MANIFEST
from stepwave.data.records import Clip, Record, Turn, to_json

Write: TypeAlias = Callable[[str, Sequence[Record]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Stores records as `NAME/manifest.jsonl`; gives the folder."""

    def written(name: str, records: Sequence[Record]) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        # ASCII, as another program may write it: then a text may even hold half a surrogate pair.
        lines = "".join(json.dumps(to_json(record)) + "\n" for record in records)
        (folder / MANIFEST).write_text(lines, encoding="utf-8")
        return folder

    return written


@pytest.fixture
def tone(tmp_path: Path) -> Callable[..., Clip]:
    """Stores a tone of so many seconds; gives its clip."""

    def stored(name: str, seconds: float = 1.0, voice: str = "tones/a", **attributes: object) -> Clip:
        times = np.arange(round(seconds * 16_000)) / 16_000
        file = tmp_path / f"{name}.flac"
        soundfile.write(file, 0.2 * np.sin(2 * np.pi * 440 * times), 16_000)
        return Clip(name, str(file), seconds=seconds, voice=voice, attributes=attributes)

    return stored


@pytest.fixture
def spoken(write: Write, tone: Callable[..., Clip]) -> Path:
    """Three spoken records and a written one, with a report beside them."""
    records = [
        Record(
            f"r{number}",
            "asr",
            (
                Turn("human", "one two three four", clip, spoken=True, language="en"),
                Turn("assistant", "one two three four", language="en"),
            ),
            source="made",
            licence="CC0",
            split="train" if number else "validation",
        )
        for number, clip in enumerate(
            (
                tone("a", 1.0, "tones/a", heard="one two three four", errors=0, words=4),
                tone("b", 2.0, "tones/a", heard="one too three", errors=2, words=4),
                tone("c", 1.0, "tones/b", heard="one two three for", errors=1, words=4),
            )
        )
    ]
    records.append(Record("r3", "text", (Turn("human", "written words only", language="de"),), source="made"))
    folder = write("spoken", records)
    report = {
        "step": "speak",
        "settings": {"engine": "tones", "count": 6},
        "rows": 6,
        "dropped": {"heard wrongly": 2},
        "retried": {"too loud": 3},
        "cpu_seconds": 90.0,
        "wall_seconds_of_work": 120.0,
        "bytes": 2_500_000,
    }
    (folder / "report.json").write_text(json.dumps(report))
    drops = [{"id": f"r{number}", "reason": "heard wrongly", "detail": "wanted <one>"} for number in (4, 5)]
    (folder / "dropped.jsonl").write_text("".join(json.dumps(drop) + "\n" for drop in drops))
    return folder
