from pathlib import Path
from typing import Any

import pytest

from stepwave.evaluation.catalogue import find_suite
from stepwave.evaluation.declaration import Places
from stepwave.evaluation.material import hub
from stepwave.evaluation.material.hub import HubData, in_folder_or_hub
from stepwave.facts.errors import ConfigError, ServiceError

COMMIT = "0123456789abcdef" * 2 + "01234567"
DATA = HubData("some-one/speech", COMMIT, ("test/*",))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(("name", "revision"), [("speech", COMMIT), ("some-one/speech", "main"), ("a/b", COMMIT[:-1])])
def test_only_a_pinned_state_is_taken(name: str, revision: str) -> None:
    with pytest.raises(ConfigError, match="is not pinned"):
        HubData(name, revision)


def test_it_is_found_in_the_data_folder_and_in_the_cache(tmp_path: Path, cache: Path) -> None:
    places = Places(tmp_path, tmp_path)
    cached = cache / "datasets--some-one--speech" / "snapshots" / COMMIT
    cached.mkdir(parents=True)
    assert DATA.folder(places) == cached
    own = tmp_path / f"some-one--speech-{COMMIT}"
    own.mkdir()
    assert DATA.folder(places) == own


def test_nothing_is_fetched_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_snapshot_download", lambda: pytest.fail("it was fetched"))
    with pytest.raises(ConfigError, match=f"some-one--speech-{COMMIT} nor in the hub's cache.*add --fetch"):
        DATA.folder(Places(tmp_path, tmp_path))


def test_the_pinned_state_is_fetched_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def download(name: str, **how: Any) -> str:
        asked.append((name, how))
        return str(tmp_path / "fetched")

    monkeypatch.setattr(hub, "_snapshot_download", lambda: download)
    assert DATA.folder(Places(tmp_path, tmp_path, fetch=True)) == tmp_path / "fetched"
    how = {"repo_type": "dataset", "revision": COMMIT, "allow_patterns": ["test/*"]}
    assert asked == [("some-one/speech", how)]


def test_a_hub_that_is_down_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, **how: Any) -> str:
        raise OSError("no route\nto host")

    monkeypatch.setattr(hub, "_snapshot_download", lambda: download)
    with pytest.raises(ServiceError, match="failed: no route; check the connection"):
        DATA.folder(Places(tmp_path, tmp_path, fetch=True))


def test_whoever_fetches_names_the_state(tmp_path: Path, cache: Path) -> None:
    own = tmp_path / "data"
    assert in_folder_or_hub(Places(tmp_path, tmp_path), own, "some-one/speech") == own
    assert in_folder_or_hub(Places(tmp_path, tmp_path, True, COMMIT, sample=True), own, "some-one/speech") == own
    with pytest.raises(ConfigError, match="which state of some-one/speech is meant; name a commit"):
        in_folder_or_hub(Places(tmp_path, tmp_path, fetch=True), own, "some-one/speech")
    with pytest.raises(ConfigError, match="is not pinned"):
        in_folder_or_hub(Places(tmp_path, tmp_path, revision="main"), own, "some-one/speech")
    cached = cache / "datasets--some-one--speech" / "snapshots" / COMMIT
    cached.mkdir(parents=True)
    assert in_folder_or_hub(Places(tmp_path, tmp_path, revision=COMMIT), own, "some-one/speech") == cached


@pytest.mark.parametrize(("suite", "check"), [("paralinguistic", 0), ("toolcall", 0), ("voicebench", 0)])
def test_suites_take_the_state_that_is_named(suite: str, check: int, tmp_path: Path) -> None:
    asked = find_suite(suite).checks[check]
    with pytest.raises(ConfigError, match=f"{COMMIT} is neither in"):
        asked.items(Places(tmp_path, tmp_path, revision=COMMIT))
    with pytest.raises(ConfigError, match="--revision"):
        asked.items(Places(tmp_path, tmp_path, fetch=True))
