"""Writing a file or a folder whole or not at all: a new one beside the old one, made durable, then put in its place.

Holds no formats. Used for sound here and free for every other result that must not be left half-written.
"""

import contextlib
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from stepwave.facts.errors import OutputError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file would be larger than allowed here; choose another folder",
    errno.EACCES: "writing there is not allowed; choose another folder",
    errno.EPERM: "writing there is not allowed; choose another folder",
    errno.EROFS: "that disk is read-only; choose another folder",
    errno.ENOENT: "that folder does not exist; create it or choose another",
    errno.ENOTDIR: "that folder does not exist; create it or choose another",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}

UNFINISHED = ".stepwave-*.part"
"""What files and folders are called while they are written; one that stays was left by a process that was killed."""


def check_target(path: str | os.PathLike[str]) -> Path:
    """Return the file that a write to `path` would replace, links followed; call it before long work.

    Raises OutputError if its folder is missing or closed to us, or if something other than a plain file is there.
    """
    target = Path(os.path.realpath(path))
    try:
        if not stat.S_ISDIR(target.parent.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "not a folder")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "no permission")
        if target.exists() and not target.is_file():
            kind = "a folder" if target.is_dir() else "not a plain file"
            raise OutputError(f"cannot write {str(path)!r}: it is {kind}; name a file")
    except OSError as error:
        raise _output_error(path, error) from error
    return target


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Put `data` at `path`: afterwards it holds either all of them or, after any failure, what it held before.

    A file that was there keeps its permissions. Raises OutputError (disk full, no permission, no such folder); the
    unfinished file is removed then, and also when the write is interrupted.
    """
    target = check_target(path)
    unfinished = target.with_name(UNFINISHED.replace("*", secrets.token_hex(8)))
    try:
        try:
            _write_durably(unfinished, data)
            if target.exists():
                unfinished.chmod(stat.S_IMODE(target.stat().st_mode))
            unfinished.replace(target)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise _output_error(path, error) from error


@contextlib.contextmanager
def new_folder(path: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """Yield an empty folder to be filled, which is put at `path` when the block ends and removed when it fails.

    Args:
        path: where the folder is to be; folders above it are made.
        replace: whether a folder with something in it may be replaced.

    Raises:
        OutputError: something is there already, or the disk is full, or writing is not allowed. Whatever part of the
            unfinished folder an error inside the block names is called by its final name.
    """
    target = Path(os.path.realpath(path))
    unfinished, old = (target.with_name(UNFINISHED.replace("*", secrets.token_hex(8))) for _ in range(2))
    if target.exists() and not target.is_dir():
        raise OutputError(f"cannot write {str(path)!r}: a file is there; name a folder")
    try:
        if not replace and target.is_dir() and any(target.iterdir()):
            raise OutputError(f"cannot write {str(path)!r}: that folder is not empty; name another, or replace it")
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir()
        yield unfinished
        if target.is_dir():
            target.rename(old)
        try:
            unfinished.rename(target)
        except BaseException:
            if old.is_dir():
                old.rename(target)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise _output_error(path, error) from error
    except OutputError as error:
        raise OutputError(str(error).replace(str(unfinished), str(path))) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # The renaming itself is durable only once the folder is; some systems can't open a folder, which does no harm.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _output_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    number = error.errno if error.errno is not None else 0
    reason = _REASONS.get(number, f"{error.strerror or error}; choose another file")
    return OutputError(f"cannot write {str(path)!r}: {reason}")
