"""Files appear whole or not at all, whatever interrupts the writing."""

import errno
import os
import resource
from pathlib import Path

import pytest

from stepwave.facts.errors import OutputError
from stepwave.signal import atomic
from stepwave.signal.atomic import check_target, new_folder, replace_file


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


def filled(folder: Path, data: bytes) -> Path:
    folder.mkdir()
    (folder / "file").write_bytes(data)
    return folder


def test_a_folder_is_there_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "above" / "model"
    with new_folder(path) as unfinished:
        (unfinished / "file").write_bytes(b"new")
        assert not path.exists()
    assert [entry.name for entry in path.parent.iterdir()] == ["model"]
    assert (path / "file").read_bytes() == b"new"
    with new_folder(filled(tmp_path / "old", b"old"), replace=True) as unfinished:
        (unfinished / "other").write_bytes(b"new")
        assert (tmp_path / "old" / "file").read_bytes() == b"old"
    assert [entry.name for entry in (tmp_path / "old").iterdir()] == ["other"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["above", "old"]


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fill", "rename"])
def test_a_folder_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, step: str
) -> None:
    path = filled(tmp_path / "model", b"old")
    renamed = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if target == path and not path.exists() and (self / "new").exists():
            raise failure
        return renamed(self, target)

    monkeypatch.setattr(Path, "rename", fail)

    def write() -> None:
        with new_folder(path, replace=True) as unfinished:
            (unfinished / "new").write_bytes(b"new")
            if step == "fill":
                raise failure

    with pytest.raises(OutputError if isinstance(failure, OSError) else KeyboardInterrupt):
        write()
    assert [(entry.name, (entry / "file").read_bytes()) for entry in tmp_path.iterdir()] == [("model", b"old")]


def test_an_error_within_names_the_folder_that_was_wanted(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with pytest.raises(OutputError) as caught, new_folder(path) as unfinished:
        replace_file(unfinished / "absent" / "file", b"")
    told = str(path / "absent" / "file")
    assert str(caught.value) == f"cannot write {told!r}: that folder does not exist; create it or choose another"


def test_a_folder_is_not_written_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    for path, says in ((filled(tmp_path / "full", b"old"), "not empty"), (tmp_path / "plain", "a file is there")):
        with pytest.raises(OutputError, match=says), new_folder(path):
            pass
    assert (tmp_path / "full" / "file").read_bytes() == b"old"
