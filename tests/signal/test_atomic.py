"""Files appear whole or not at all, whatever interrupts the writing."""

import errno
import os
import resource
from pathlib import Path

import pytest

from stepwave.facts.errors import OutputError
from stepwave.signal import atomic
from stepwave.signal.atomic import check_target, replace_file


def test_a_new_file_has_ordinary_permissions(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        replace_file(tmp_path / "new", b"data")
    finally:
        os.umask(before)
    assert (tmp_path / "new").read_bytes() == b"data"
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o644


def test_an_old_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old and longer")
    (tmp_path / "old").chmod(0o600)
    replace_file(tmp_path / "old", b"new")
    assert (tmp_path / "old").read_bytes() == b"new"
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    replace_file(tmp_path / "link", b"data")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"data"


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full; free some space"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error; choose another file"),
        (KeyboardInterrupt(), None),
    ],
)
def test_a_failure_leaves_what_was_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    old: bytes | None,
    failure: BaseException,
    says: str | None,
) -> None:
    def fail(*arguments: object) -> None:
        raise failure

    path = tmp_path / "answer.wav"
    if old is not None:
        path.write_bytes(old)
    monkeypatch.setattr(atomic.os if step == "fsync" else Path, step, fail)
    with pytest.raises(OutputError if says else KeyboardInterrupt) as caught:
        replace_file(path, b"new")
    monkeypatch.undo()
    if says:
        assert str(caught.value) == f"cannot write {str(path)!r}: {says}"
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == (
        [] if old is None else [(path.name, old)]
    )


def test_a_disk_that_really_takes_no_more(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OutputError, match="larger than allowed"):
            replace_file(tmp_path / "answer.wav", bytes(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_devices_and_closed_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutputError, match="not a plain file"):
        check_target("/dev/null")
    monkeypatch.setattr(atomic.os, "access", lambda *arguments: False)
    with pytest.raises(OutputError, match="writing there is not allowed"):
        check_target(tmp_path / "answer.wav")


def test_the_target_is_the_file_behind_the_path(tmp_path: Path) -> None:
    assert check_target(tmp_path / "a" / ".." / "b") == tmp_path / "b"
