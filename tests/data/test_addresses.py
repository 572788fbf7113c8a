"""Addresses: what patterns stand for, what names in a list mean, where lists may lead, plain reasons for failures."""

from pathlib import Path

import fsspec
import pytest

from stepwave.data.addresses import exists, expand, list_folder, open_binary, read_bytes, resolve, state_of
from stepwave.facts.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("pattern", "stands_for"),
    [
        ("a-{000..002}.tar", ["a-000.tar", "a-001.tar", "a-002.tar"]),
        ("s3://b/{8..11}.tar", ["s3://b/8.tar", "s3://b/9.tar", "s3://b/10.tar", "s3://b/11.tar"]),
        ("{dev,test}/{1..2}", ["dev/1", "dev/2", "test/1", "test/2"]),
        ("{a,b{1..2}}.x", ["a.x", "b1.x", "a.x", "b2.x"]),
        ("https://host/x?part=1", ["https://host/x?part=1"]),
    ],
)
def test_braces_are_written_out(pattern: str, stands_for: list[str]) -> None:
    assert expand(pattern) == stands_for


def test_wildcards_name_files_that_are_there(tmp_path: Path) -> None:
    for name in ("b.tar", "a.tar", "c.txt", "odd[1].tar"):
        (tmp_path / name).touch()
    assert [Path(each).name for each in expand(f"{tmp_path}/[ab].tar")] == ["a.tar", "b.tar"]
    assert expand(f"{tmp_path}/odd[1].tar") == [f"{tmp_path}/odd[1].tar"]
    with pytest.raises(DataError, match=r"nothing is there that .*x\*\.tar' matches"):
        expand(f"{tmp_path}/x*.tar")


def test_a_slip_in_a_pattern_is_told() -> None:
    with pytest.raises(ConfigError, match="counts from 9 down to 0"):
        expand("{9..0}.tar")
    with pytest.raises(ConfigError, match="more than 1,000,000"):
        expand("{0..9999999}.tar")


def test_a_local_list_may_name_any_place() -> None:
    assert resolve("x/../y.wav", "/data") == "/data/y.wav"
    assert resolve("s3://b/y.wav", "/data") == "s3://b/y.wav"


@pytest.mark.parametrize("name", ["/etc/passwd", "../../other/x.wav", "https://host/x.wav", "s3://other/x.wav"])
def test_a_remote_list_leads_nowhere_else(name: str) -> None:
    assert resolve("../y.wav", "s3://bucket/a/b") == "s3://bucket/a/y.wav"
    with pytest.raises(DataError, match=r"leads to .*; wanted something at s3://bucket"):
        resolve(name, "s3://bucket/a")


def test_stores_are_read_like_files(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe({"/read/a.bin": b"0123456789", "/read/b.bin": b""})
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    (tmp_path / "b.bin").touch()
    for folder in ("memory://read", str(tmp_path)):
        assert list_folder(folder) == ["a.bin", "b.bin"]
        assert list_folder(f"{folder}/a.bin") is None
        assert exists(f"{folder}/a.bin")
        assert not exists(f"{folder}/c.bin")
        assert read_bytes(f"{folder}/a.bin", 2, 3) == b"234"
        assert read_bytes(f"{folder}/a.bin", 8) == b"89"
        assert len(expand(f"{folder}/*.bin")) == 2
        with open_binary(f"{folder}/a.bin") as file:
            assert file.read(2) == b"01"
        with pytest.raises(FileNotFoundError):
            read_bytes(f"{folder}/c.bin")
        assert state_of(f"{folder}/a.bin") == state_of(f"{folder}/a.bin") != state_of(f"{folder}/b.bin")


def test_an_unknown_scheme_is_told() -> None:
    with pytest.raises(ConfigError, match="gopher://x/y cannot be opened"):
        read_bytes("gopher://x/y")


def test_a_failure_without_words_is_told_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(address: str) -> None:
        raise ValueError("\n")

    monkeypatch.setattr("fsspec.core.url_to_fs", fail)
    with pytest.raises(ConfigError, match=r"s3://b/x cannot be opened \(ValueError\); install"):
        read_bytes("s3://b/x")
