"""Very many speaker vectors: with snapshot and graph, and without them, the neighbours that comparing all finds."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from stepwave.facts.errors import OutputError
from stepwave.tools.voices import graph, inventory, nearest
from stepwave.tools.voices.contract import NewVoice
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.entries import Filters, VoiceEntry

WIDTH = 16
FRENCH = Filters(language="fr")
"""One in ten."""
ENGLISH = Filters(language="en")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "LEAST_FOR_SNAPSHOT", 50)
    monkeypatch.setattr(nearest, "FEW", 100)


def some(count: int, seed: int) -> np.ndarray:
    rows = np.abs(np.random.default_rng(seed).normal(size=(count, WIDTH))).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def add(store: EmbeddedStore, rows: np.ndarray, prefix: str) -> dict[str, np.ndarray]:
    names = [f"{prefix}{number}" for number in range(len(rows))]
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    told = [{"language": "fr" if number % 10 == 0 else "en"} for number in range(len(rows))]
    store.add(
        [
            NewVoice(VoiceEntry(name, digest, ".wav", 1.0, **about), row)
            for name, digest, about, row in zip(names, digests, told, rows, strict=True)
        ]
    )
    return dict(zip(names, rows, strict=True))


def found(store: EmbeddedStore, query: np.ndarray, filters: Filters = Filters()) -> list[str]:  # noqa: B008
    return [entry.name for entry in store.fetch([hit.id for hit in store.find_sound(query, filters, 5)])]


def exact(store: EmbeddedStore, held: dict[str, np.ndarray], query: np.ndarray, filters: Filters) -> list[str]:
    names = [entry.name for entry in store.entries(filters)]
    return sorted(names, key=lambda name: -float(held[name].astype(np.float16).astype(np.float32) @ query))[:5]


def snapshots(folder: Path) -> list[Path]:
    return sorted(folder.glob("voices-*.index"))


@pytest.mark.parametrize("package", ["usearch", ""])
def test_the_neighbours_are_those_that_comparing_all_finds(
    tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if package:
        pytest.importorskip(package, reason="the graph is this package's")
    else:
        monkeypatch.setattr(graph, "_usearch", lambda: None)
    store = EmbeddedStore(tmp_path)
    held = add(store, some(400, 0), "a")
    assert found(store, held["a7"])[0] == "a7"
    store.settle()
    [made] = snapshots(tmp_path)
    assert any(made.glob("*.usearch")) == bool(package)
    held |= add(store, some(30, 1), "late")
    for name in ("a3", "a10", "late4"):
        store.remove(name)
    for query in some(20, 2):
        for filters in (Filters(), FRENCH, ENGLISH):
            assert found(store, query, filters) == exact(store, held, query, filters)
    assert found(store, held["late7"])[0] == "late7"
    assert "a3" not in found(store, held["a3"])
    store.close()


def test_a_filter_that_nothing_near_passes_finds_what_is_far(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    rows = some(1500, 0)
    rows[::10, 0] += 3  # the French are all elsewhere
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    held = add(store, rows, "a")
    store.settle()
    query = held["a1"]
    assert found(store, query, FRENCH) == exact(store, held, query, FRENCH)
    store.close()


def test_entries_without_vectors_are_not_found_by_sound(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    store.add([NewVoice(VoiceEntry(f"n{n}", f"{n:064x}", ".wav", 1.0, description="old")) for n in range(60)])
    store.settle()
    assert store.find_sound(np.ones(WIDTH, np.float32)) == []
    held = add(store, some(3, 0), "first")
    assert len(found(store, held["first1"])) == 3
    add(store, some(60, 1), "a")
    store.settle()
    assert len(store.find_sound(held["first1"], limit=500)) == 63
    assert len(store.find_words(["old"], limit=500)) == 60
    store.close()


def test_many_gone_entries_do_not_hide_others(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    held = add(store, some(300, 0), "a")
    store.settle()
    query = some(1, 9)[0]
    for _ in range(12):
        for name in found(store, query):
            store.remove(name)
    assert found(store, query) == exact(store, held, query, Filters())
    store.close()


def test_a_snapshot_grows(tmp_path: Path) -> None:
    pytest.importorskip("usearch", reason="the graph is this package's")
    store = EmbeddedStore(tmp_path)
    add(store, some(400, 0), "a")
    store.settle()
    [first] = snapshots(tmp_path)
    for number in range(20):
        store.remove(f"a{number}")
    store.settle()
    assert snapshots(tmp_path) == [first]  # too few are late
    held = add(store, some(60, 3), "b")
    shares: list[float] = []
    store.settle(shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    [second] = snapshots(tmp_path)
    assert second != first
    assert len(graph.opened_graph(second)) == 460
    assert found(store, held["b5"])[0] == "b5"
    store.close()


def test_a_graph_of_mostly_gone_entries_is_made_anew(tmp_path: Path) -> None:
    pytest.importorskip("usearch", reason="the graph is this package's")
    store = EmbeddedStore(tmp_path)
    add(store, some(100, 0), "a")
    store.settle()
    for number in range(60):
        store.remove(f"a{number}")
    held = add(store, some(60, 1), "b")
    store.settle()
    [made] = snapshots(tmp_path)
    assert len(graph.opened_graph(made)) == 100
    assert found(store, held["b0"])[0] == "b0"
    store.close()


@pytest.mark.parametrize("lost", ["", "vectors.usearch", "bounds.npy", "ids.npy"])
def test_a_lost_or_broken_snapshot_does_no_harm(tmp_path: Path, lost: str) -> None:
    pytest.importorskip("usearch", reason="the graph is this package's")
    store = EmbeddedStore(tmp_path)
    held = add(store, some(200, 0), "a")
    store.settle()
    store.close()
    [made] = snapshots(tmp_path)
    if lost == "ids.npy":
        (made / lost).unlink()
    elif lost:
        with (made / lost).open("ab") as file:
            file.truncate(file.tell() - 8)
    else:
        made.rename(tmp_path / "elsewhere")
    again = EmbeddedStore(tmp_path)
    assert found(again, held["a42"])[0] == "a42"
    assert [entry.name for entry in again.fetch([hit.id for hit in again.find_words(["a42"])])] == ["a42"]
    again.close()


def test_another_process_sees_what_was_added(tmp_path: Path) -> None:
    reader, writer = EmbeddedStore(tmp_path), EmbeddedStore(tmp_path)
    held = add(writer, some(60, 0), "a")
    assert found(reader, held["a3"])[0] == "a3"
    writer.settle()
    held |= add(writer, some(5, 1), "b")
    assert found(reader, held["b2"])[0] == "b2"
    reader.close()
    writer.close()


def test_a_snapshot_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = EmbeddedStore(tmp_path)
    held = add(store, some(60, 0), "a")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inventory, "write_words", full)
    with pytest.raises(OutputError, match="the disk is full"):
        store.settle()
    assert not snapshots(tmp_path)
    assert found(store, held["a3"])[0] == "a3"
    store.close()
