"""What checks are made of and training must not see: voices and texts, and which records have any of them.

A corpus may hold what a check asks, whatever its splits say. Who draws a check writes this list beside it
(`prepare.checks`), who trains reads it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stepwave.data.records import Record
from stepwave.facts.errors import DataError
from stepwave.signal.atomic import replace_file

HELD_OUT_FILE: Final = "held_out.json"
CHECK: Final = "check"
"""The split of what is held out by such a list."""


@dataclass(frozen=True)
class HeldOut:
    """Voices and texts that training keeps away from."""

    voices: frozenset[str] = frozenset()
    """As clips name them (`librispeech-251/103`)."""
    texts: frozenset[str] = frozenset()
    """As people write them; compared by `plain`."""
    _plain: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_plain", frozenset(plain(text) for text in self.texts))

    def holds(self, record: Record) -> bool:
        """Whether somebody held out speaks in a record, or a turn says a text that is held out."""
        return any(clip.voice in self.voices for clip in record.clips) or any(
            plain(turn.text) in self._plain for turn in record.turns if turn.text
        )


def plain(text: str) -> str:
    """Letters and digits of a text in lower case, for comparing: commas and quotes differ from list to list."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def write_held_out(folder: Path, voices: Iterable[str], texts: Iterable[str]) -> None:
    """Write the list into a folder of checks, replacing the file in one step. Raises OutputError."""
    content = {"voices": sorted(set(voices)), "texts": sorted(set(texts))}
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / HELD_OUT_FILE, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def read_held_out(folder: Path) -> HeldOut:
    """Read the list of a folder of checks; raises DataError where there is none, for nothing may pass unseen."""
    path = folder / HELD_OUT_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return HeldOut(frozenset(content["voices"]), frozenset(content["texts"]))
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise DataError(
            f"{path} can't be read as the list of what is held out ({problem}); make it with "
            "`stepwave prepare nano --step checks`"
        ) from None
