"""Finding models by name, folder and hub id, without the network."""

import hashlib
from pathlib import Path

import pytest

from stepwave.checkpoints import locate as locate_room
from stepwave.checkpoints.inspection import compare_digests
from stepwave.checkpoints.locate import KNOWN_MODELS, cached_digests, cached_snapshot, hub_cache, locate, nano_folders
from stepwave.facts.errors import CheckpointError, CheckpointNotFoundError, MissingExtraError

HUB_ID = "stepfun-ai/Step-Audio-2-mini"


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def snapshot(cache: Path, revision: str, *, main: bool) -> Path:
    repository = cache / "models--stepfun-ai--Step-Audio-2-mini"
    folder = repository / "snapshots" / revision
    folder.mkdir(parents=True)
    if main:
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / "main").write_text(revision + "\n")
    return folder


def test_a_folder_is_itself(tmp_path: Path) -> None:
    assert locate(str(tmp_path)) == tmp_path


def test_nano_is_beside_the_source_or_under_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert nano_folders()[0] == Path(__file__).parents[2] / "models" / "nano"
    monkeypatch.chdir(tmp_path)
    assert nano_folders()[1] == tmp_path / "models" / "nano"
    monkeypatch.setattr(locate_room, "nano_folders", lambda: [tmp_path / "a", tmp_path / "b"])
    with pytest.raises(CheckpointNotFoundError, match=r"nano is not at .*a or .*b"):
        locate("nano")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "config.json").write_text("{}")
    assert locate("nano") == tmp_path / "b"


def test_the_main_revision_of_the_cache(empty_cache: Path) -> None:
    old, new = snapshot(empty_cache, "aaa", main=True), snapshot(empty_cache, "bbb", main=False)
    assert locate(HUB_ID) == old
    assert locate("mini") == old
    (empty_cache / "models--stepfun-ai--Step-Audio-2-mini" / "refs" / "main").write_text("gone")
    assert cached_snapshot(HUB_ID) in (old, new)


def test_a_snapshot_knows_the_digests_of_its_large_files(empty_cache: Path) -> None:
    folder = snapshot(empty_cache, "aaa", main=True)
    blobs = folder.parents[1] / "blobs"
    blobs.mkdir()
    good, small = hashlib.sha256(b"weights").hexdigest(), "a" * 40
    for name, blob, content in (("m.safetensors", good, b"weights"), ("config.json", small, b"{}")):
        (blobs / blob).write_bytes(content)
        (folder / name).symlink_to(Path("..") / ".." / "blobs" / blob)
    (folder / "own.safetensors").write_bytes(b"x")
    digests = cached_digests(folder)
    assert digests == {"m.safetensors": good}
    assert compare_digests(folder, digests) == []
    (blobs / good).write_bytes(b"weighty")
    (problem,) = compare_digests(folder, digests)
    assert "m.safetensors is damaged" in str(problem)


def test_a_hub_id_that_is_not_here_says_how_to_get_it(empty_cache: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=f"hf download {HUB_ID}") as caught:
        locate("mini")
    assert str(empty_cache) in str(caught.value)


@pytest.mark.parametrize("name", ["nanoo", "a/b/c", "", "../nowhere/at/all", "http://x/y"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(CheckpointNotFoundError, match="nano, mini, mini-base, mini-think, a folder, or a hub id"):
        locate(name)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(CheckpointNotFoundError, match="is a file; name the folder"):
        locate(str(tmp_path / "model.safetensors"))


def test_a_download_happens_only_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("huggingface_hub")
    asked = []

    def fetch(hub_id: str) -> str:
        asked.append(hub_id)
        return str(tmp_path)

    monkeypatch.setattr(library, "snapshot_download", fetch)
    with pytest.raises(CheckpointNotFoundError):
        locate("mini")
    assert asked == []
    assert locate("mini", download=True) == tmp_path
    assert asked == [HUB_ID]

    def fail(hub_id: str) -> str:
        raise OSError("no route to host\nwith details")

    monkeypatch.setattr(library, "snapshot_download", fail)
    with pytest.raises(CheckpointError, match=f"downloading {HUB_ID} failed: no route to host; check"):
        locate("mini", download=True)


def test_a_download_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match="huggingface_hub"):
        locate("mini", download=True)


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    assert hub_cache() == tmp_path / "home" / "hub"
    monkeypatch.delenv("HF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert hub_cache() == tmp_path / "cache" / "huggingface" / "hub"


def test_known_models_have_different_names() -> None:
    assert len({model.name for model in KNOWN_MODELS}) == len(KNOWN_MODELS)
