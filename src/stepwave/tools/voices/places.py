"""Where voice libraries are: the user's own, and the one that comes with the project."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stepwave.checkpoints.locate import nano_folders

FOLDER: Final = "voices"
FILE: Final = "voices.sqlite"
"""The store of a library that needs no database."""


@dataclass(frozen=True)
class LibraryPlace:
    """Where a library is."""

    folder: Path
    """Of its clips."""
    store: str | None = None
    """Address of the database with its entries, `postgresql://USER@HOST/NAME`; None where they are in the folder."""


def own_folder() -> Path:
    """The user's library: under XDG_DATA_HOME (~/.local/share) or the like elsewhere. May not be there."""
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    elif sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "stepwave" / FOLDER


def demo_folder() -> Path | None:
    """The library that comes with the project, beside nano; None outside a checkout of the repository."""
    for nano in nano_folders():
        if holds_library(folder := nano.with_name(FOLDER)):
            return folder
    return None


def libraries_there() -> bool:
    """Whether there is a library to search without naming one."""
    return holds_library(own_folder()) or demo_folder() is not None


def holds_library(folder: Path) -> bool:
    """Whether a library with a store of its own is there."""
    return (folder / FILE).is_file()
