"""Writing a library as plain files: its clips, and a table that tells of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stepwave.signal.atomic import new_folder
from stepwave.tools.voices.entries import TOLD, VoiceEntry
from stepwave.tools.voices.library import CLIPS, VoiceLibrary

TABLE: Final = "voices.jsonl"
_AT_ONCE: Final = 1000


def export_library(library: VoiceLibrary, folder: Path) -> int:
    """Write the clips and `voices.jsonl` into a new folder, which appears whole; how many voices there are.

    Raises OutputError where the folder has something in it or cannot be written, AudioNotFoundError for a lost clip.
    """
    count = 0
    with new_folder(folder) as unfinished, (unfinished / TABLE).open("w", encoding="utf-8") as table:
        for entry in every_entry(library):
            file = Path(CLIPS, f"{count // _AT_ONCE:04d}", f"{entry.name}{entry.ending}")
            (unfinished / file).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / file).write_bytes(library.clip_bytes(entry))
            told = {name: value for name in TOLD if (value := getattr(entry, name))}
            table.write(json.dumps({"file": file.as_posix(), "name": entry.name, **told}, ensure_ascii=False) + "\n")
            count += 1
    return count


def every_entry(library: VoiceLibrary) -> Iterator[VoiceEntry]:
    """All entries of a library, by number."""
    last = 0
    while some := library.store.entries(after=last, limit=_AT_ONCE):
        yield from some
        last = some[-1].id
