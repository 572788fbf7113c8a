"""Addresses of data: local paths, and those with a scheme that fsspec opens (`s3://`, `gs://`, `https://`, `memory://`).

Whatever goes wrong in reading is an OSError with a reason that can be shown; who knows what was wanted makes a message
of it. Only what the user named is asked for: names inside a remote list lead nowhere but to its own host or bucket
(`resolve`). File systems are looked up for each read, since those of the network do not survive a fork.
"""

import contextlib
import errno
import glob
import importlib
import itertools
import os
import posixpath
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, cast

from stepwave.facts.errors import ConfigError, DataError, MissingExtraError, StepwaveError, short_reason

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_RANGE: Final = re.compile(r"(\d+)\.\.(\d+)")
_WEB: Final = ("http://", "https://")
_MOST: Final = 1_000_000
"""Addresses that one pattern may stand for; more is a slip of the pen."""


def is_remote(address: str) -> bool:
    """Whether fsspec is needed to open it."""
    return "://" in address


def folder_of(address: str) -> str:
    """The address of the folder that holds it; absolute where it is local."""
    return posixpath.dirname(address) if is_remote(address) else os.path.dirname(os.path.realpath(address))


def inside(folder: str, name: str) -> str:
    """The address of a file or folder in `folder`."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else os.path.join(folder, name)


def resolve(name: str, folder: str) -> str:
    """What `name`, as a list in `folder` gives it, means: an address, or a path relative to that folder.

    Raises DataError where a remote list leads to another host or bucket than its own, or to a local file.
    """
    if not name:
        return name
    if not is_remote(folder):
        return name if is_remote(name) else os.path.normpath(os.path.join(folder, name))
    scheme, _, rest = folder.partition("://")
    meant = name if is_remote(name) else f"{scheme}://{posixpath.normpath(posixpath.join(rest, name))}"
    if _host(meant) != _host(folder):
        raise DataError(
            f"a list in {folder} leads to {meant}; wanted something at {_host(folder)}; copy the list to a local file "
            "if other places are to be asked"
        )
    return meant


def expand(address: str) -> list[str]:
    """The files that an address with braces (`{000..099}`, `{a,b}`) or wildcards stands for, in order.

    Raises DataError where wildcards match nothing, ConfigError for a pattern of too many.
    """
    found: list[str] = []
    for each in itertools.islice(_alternatives(address), _MOST + 1):
        if not _is_pattern(each):
            found.append(each)
            continue
        matches = _matches(each)
        if not matches:
            raise DataError(f"nothing is there that {each!r} matches; wanted one file or more; check the address")
        found += matches
    if len(found) > _MOST:
        raise ConfigError(f"{address!r} stands for more than {_MOST:,} files; write it shorter")
    return found


def list_folder(address: str) -> list[str] | None:
    """Names in a folder, sorted; None where it is no folder. Raises OSError."""
    if not is_remote(address):
        return sorted(os.listdir(address)) if os.path.isdir(address) else None
    if address.startswith(_WEB):
        return None  # a web page with links is no folder
    with _plain_errors(address):
        files, path = _file_system(address)
        if not files.isdir(path):
            return None
        return sorted(posixpath.basename(each.rstrip("/")) for each in files.ls(path, detail=False))


def exists(address: str) -> bool:
    """Whether there is a file or folder. Raises OSError where that can't be told."""
    if not is_remote(address):
        return os.path.exists(address)
    with _plain_errors(address):
        files, path = _file_system(address)
        return bool(files.exists(path))


def read_bytes(address: str, offset: int = 0, size: int | None = None) -> bytes:
    """`size` bytes from `offset` on, or all the rest; fewer where the file ends before. Raises OSError."""
    if not is_remote(address):
        with open(address, "rb") as file:
            file.seek(offset)
            return file.read(-1 if size is None else size)
    with _plain_errors(address):
        files, path = _file_system(address)
        if not offset and size is None:
            return bytes(files.cat_file(path))
        return bytes(files.cat_file(path, start=offset, end=None if size is None else offset + size))


@contextlib.contextmanager
def open_binary(address: str) -> Iterator[BinaryIO]:
    """A file to be read from front to back, or with seeking. Raises OSError."""
    if not is_remote(address):
        with open(address, "rb") as file:
            yield file
        return
    with _plain_errors(address):
        files, path = _file_system(address)
        with files.open(path, "rb") as file:
            yield cast(BinaryIO, file)


def state_of(address: str) -> str:
    """What changes when a file does: size and time, or what a store says of it. Raises OSError."""
    if not is_remote(address):
        about = os.stat(address)
        return f"{about.st_size}/{about.st_mtime_ns}"
    with _plain_errors(address):
        files, path = _file_system(address)
        about = files.info(path)
        # Some stores make their key of the address alone.
        return f"{files.ukey(path)}/{about.get('size')}/{about.get('ETag') or about.get('mtime') or ''}"


def reason(problem: OSError) -> str:
    """Why something can't be read, in a few words."""
    return problem.strerror or short_reason(problem)


def _host(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.split('/')[0]}"


def _alternatives(pattern: str) -> Iterator[str]:
    """The innermost first group of braces is written out, then the rest."""
    found = _BRACES.search(pattern)
    if found is None:
        yield pattern
        return
    before, after = pattern[: found.start()], pattern[found.end() :]
    numbers = _RANGE.fullmatch(found[1])
    if numbers:
        first, last = numbers.groups()
        width = len(first) if first.startswith("0") or len(first) == len(last) else 0
        if int(last) < int(first):
            raise ConfigError(f"{pattern!r} counts from {first} down to {last}; put the smaller number first")
        choices: Iterator[str] = (f"{number:0{width}d}" for number in range(int(first), int(last) + 1))
    else:
        choices = iter(found[1].split(","))
    for choice in choices:
        yield from _alternatives(before + choice + after)


def _is_pattern(address: str) -> bool:
    """A question mark in a web address begins its query, and a file may have brackets in its name."""
    if address.startswith(_WEB) or (not is_remote(address) and os.path.exists(address)):
        return False
    return glob.has_magic(address)


def _matches(pattern: str) -> list[str]:
    if not is_remote(pattern):
        return sorted(glob.glob(pattern, recursive=True))
    try:
        with _plain_errors(pattern):
            files, path = _file_system(pattern)
            return sorted(str(files.unstrip_protocol(each)) for each in files.glob(path))
    except OSError as problem:
        raise DataError(f"{pattern} cannot be listed ({reason(problem)}); check address and access") from None


def _file_system(address: str) -> tuple[Any, str]:
    try:
        fsspec: Any = importlib.import_module("fsspec.core")
    except ImportError:
        raise MissingExtraError("train", "fsspec") from None
    try:
        files, path = fsspec.url_to_fs(address)
    except (ImportError, ValueError) as problem:
        raise ConfigError(
            f"{address} cannot be opened ({short_reason(problem)}); install what its scheme needs, or copy it"
        ) from None
    return files, str(path)


@contextlib.contextmanager
def _plain_errors(address: str) -> Iterator[None]:
    """Stores raise errors of many libraries; outside this file all are OSErrors with a reason."""
    try:
        yield
    except (StepwaveError, GeneratorExit):
        raise
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "there is no such file", address) from None
    except Exception as problem:
        raise OSError(errno.EIO, short_reason(problem), address) from problem
