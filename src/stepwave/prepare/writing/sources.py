"""The text files that scripts are made from: read with one plain line for what is wrong, identified by their bytes."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stepwave.facts.errors import DataError


def read_lines(path: Path) -> Iterator[str]:
    """Lines of a text file (UTF-8) in order, without their ends. Raises DataError where it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for line in lines:
                yield line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{path} cannot be read ({_why(problem)}); wanted a text file in UTF-8") from None


def identified(identity: Mapping[str, Any], files: Mapping[str, Path | None]) -> dict[str, Any]:
    """A step's identity with the digests of files it reads, by the setting that names them.

    A file's name alone would let a folder be continued with other contents. Raises DataError for a missing file.
    """
    digests = {setting: f"{path.name} {_digest(path)}" for setting, path in files.items() if path is not None}
    return {**identity, "settings": {**identity["settings"], **digests}}


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as problem:
        raise DataError(f"{path} cannot be read ({_why(problem)}); name a file that is there") from None


def _why(problem: OSError | UnicodeDecodeError) -> str:
    return problem.strerror or type(problem).__name__ if isinstance(problem, OSError) else problem.reason
