"""Very many speaker vectors: with usearch's graph and without it, the same neighbours."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stepwave.tools.voices import nearest
from stepwave.tools.voices.contract import NewVoice
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.entries import Filters, VoiceEntry

WIDTH = 16


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("usearch", reason="the graph is the package usearch's")
    monkeypatch.setattr(nearest, "LEAST_FOR_GRAPH", 50)


def some(count: int, seed: int) -> np.ndarray:
    rows = np.abs(np.random.default_rng(seed).normal(size=(count, WIDTH))).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def add(store: EmbeddedStore, rows: np.ndarray, prefix: str) -> None:
    names = [f"{prefix}{number}" for number in range(len(rows))]
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    # One in ten speaks French, so that a filter leaves few.
    told = [{"language": "fr" if number % 10 == 0 else "en"} for number in range(len(rows))]
    store.add(
        [
            NewVoice(VoiceEntry(name, digest, ".wav", 1.0, **about), row)
            for name, digest, about, row in zip(names, digests, told, rows, strict=True)
        ]
    )


def found(store: EmbeddedStore, query: np.ndarray, filters: Filters = Filters()) -> list[str]:  # noqa: B008
    return [entry.name for entry in store.fetch([hit.id for hit in store.find_sound(query, filters, 5)])]


def graphs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.usearch"))


@pytest.fixture
def exactly(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """The neighbours as they are without the package."""

    def without(folder: Path, query: np.ndarray, filters: Filters = Filters()) -> list[str]:  # noqa: B008
        with monkeypatch.context() as patch:
            patch.setattr(nearest, "_usearch", lambda: None)
            store = EmbeddedStore(folder)
            names = found(store, query, filters)
            store.close()
        return names

    return without


def test_the_graph_finds_what_comparing_all_finds(tmp_path: Path, exactly: Callable[..., list[str]]) -> None:
    store = EmbeddedStore(tmp_path)
    add(store, some(400, 0), "a")
    store.settle()
    assert len(graphs(tmp_path)) == 1
    add(store, some(30, 1), "late")
    for query in some(20, 2):
        assert found(store, query) == exactly(tmp_path, query)
        french = Filters(language="fr")
        assert found(store, query, french) == exactly(tmp_path, query, french)
    assert found(store, some(30, 1)[7])[0] == "late7"
    store.close()


def test_what_is_gone_is_found_no_more_and_the_graph_grows(tmp_path: Path, exactly: Callable[..., list[str]]) -> None:
    rows = some(400, 0)
    store = EmbeddedStore(tmp_path)
    add(store, rows, "a")
    store.settle()
    [first] = graphs(tmp_path)
    for number in range(20):
        store.remove(f"a{number}")
    assert "a7" not in found(store, rows[7])
    store.settle()
    assert graphs(tmp_path) == [first]  # too few are late
    add(store, some(60, 3), "b")
    store.settle()
    [second] = graphs(tmp_path)
    assert second != first
    assert found(store, some(60, 3)[5])[0] == "b5"
    for query in some(10, 4):
        assert found(store, query) == exactly(tmp_path, query)
    store.close()


def test_a_graph_of_mostly_gone_entries_is_made_anew(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    add(store, some(100, 0), "a")
    store.settle()
    for number in range(60):
        store.remove(f"a{number}")
    add(store, some(60, 1), "b")
    store.settle()
    [path] = graphs(tmp_path)
    assert len(nearest._usearch().restore(str(path))) == 100
    assert found(store, some(60, 1)[0])[0] == "b0"
    store.close()


def test_a_lost_graph_does_no_harm(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    add(store, some(100, 0), "a")
    store.settle()
    store.close()
    graphs(tmp_path)[0].unlink()
    again = EmbeddedStore(tmp_path)
    assert found(again, some(100, 0)[42])[0] == "a42"
    again.close()


def test_another_process_sees_what_was_added(tmp_path: Path) -> None:
    reader, writer = EmbeddedStore(tmp_path), EmbeddedStore(tmp_path)
    add(writer, some(60, 0), "a")
    assert found(reader, some(60, 0)[3])[0] == "a3"
    writer.settle()
    add(writer, some(5, 1), "b")
    assert found(reader, some(5, 1)[2])[0] == "b2"
    reader.close()
    writer.close()
