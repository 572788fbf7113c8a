"""The offline index: making, updating, searching."""

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from stepwave.facts.errors import ConfigError, OutputError, ToolError
from stepwave.tools.web.search.index import IndexEngine
from stepwave.tools.web.search.indexing import Indexed, index_folder
from stepwave.tools.web.search.tool import web_search

ARTICLES = Path(__file__).parents[4] / "examples" / "documents"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> IndexEngine:
    target = tmp_path_factory.mktemp("town") / "town.index"
    assert index_folder(ARTICLES, target).documents == 12
    return IndexEngine(target)


@pytest.mark.parametrize(
    ("query", "path", "answer"),
    [
        ("Lantern Museum opening hours", "lantern-museum.md", "10:30 to 17:15"),
        ("when does the last ferry leave the island", "ferry-timetable.html", "18:40, the last boat back"),
        ("Who won the prize for the largest kite?", "kite-festival.md", "Benedikt Oyelaran"),
        ("how long do plum dumplings simmer", "plum-dumplings.md", "14 minutes"),
        ("swimming lesson teacher", "swimming-baths.txt", "Marta Ellingsworth"),
        ("cost of the new tram line", "tramway.html", "41 million florins"),
        ("rowing regatta result Dunmere", "rowing-club.md", "two lengths"),
        ("flea market table price", "market.txt", "10 florins"),
        ("comet discovered at the observatory", "observatory.md", "Ruben Castellane"),
    ],
)
def test_questions_find_the_passage_with_the_answer(town: IndexEngine, query: str, path: str, answer: str) -> None:
    hits = town.search(query, 3)
    assert hits[0].address == path
    assert hits[0].source == path
    assert answer in hits[0].excerpt
    assert answer in str(web_search(town).run(query=query))


@pytest.mark.parametrize(
    "query", ["", "?!", "zzzz", 'NEAR("a" b)', "title:", "a* OR -b", '"', "NOT", "ferry'); DROP TABLE passages"]
)
def test_no_query_is_a_fault(town: IndexEngine, query: str) -> None:
    assert len(town.search(query, 2)) <= 2


def test_common_words_alone_are_searched_for(town: IndexEngine) -> None:
    assert town.search("who are you", 2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    (folder / "a.txt").write_text("Apples are red.")
    (folder / "below" / "b.md").write_text("# Pears\n\nPears are green.")
    return folder


def found(target: Path, query: str) -> list[str]:
    return [hit.address for hit in IndexEngine(target).search(query, 5)]


def test_an_update_reads_only_what_changed(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "i.index"
    told: list[tuple[int, int]] = []
    made = index_folder(folder, target, lambda done, total: told.append((done, total)))
    assert (made.added, made.documents, made.passages) == (2, 2, 2)
    assert told == [(0, 2), (1, 2), (2, 2)]
    (folder / "a.txt").write_text("Apricots are orange.")
    (folder / "c.htm").write_text("<p>Cherries are dark.")
    os.utime(folder / "below" / "b.md", (1, 1))
    made = index_folder(folder, target)
    assert (made.added, made.changed, made.unchanged, made.removed) == (1, 1, 1, 0)
    assert (found(target, "apples"), found(target, "apricot"), found(target, "pear")) == ([], ["a.txt"], ["below/b.md"])
    monkeypatch.setattr("stepwave.tools.web.search.indexing.read_document", None)
    assert index_folder(folder, target).unchanged == 3


def test_what_is_gone_or_broken_vanishes(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "i.index"
    index_folder(folder, target)
    (folder / "below" / "b.md").unlink()
    (folder / "a.txt").write_bytes(b"\xff now broken")
    (folder / "c.txt").write_text("Cherries.")
    made = index_folder(folder, target)
    assert made == Indexed(1, 0, 0, 2, {"a.txt": "not UTF-8; save it as UTF-8"}, 1, made.size)
    assert (found(target, "apples"), found(target, "pears"), found(target, "cherry")) == ([], [], ["c.txt"])


def test_hidden_and_linked_files_are_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("A secret.")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "loop").symlink_to(folder)
    (folder / ".git").mkdir()
    for name in (".hidden.txt", ".git/x.txt", "x.pdf"):
        (folder / name).write_text("A secret.")
    made = index_folder(folder, tmp_path / "i.index")
    assert (made.documents, made.skipped) == (2, {})


def test_an_index_is_one_file_that_is_whole_or_not_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out" / "i.index"
    with pytest.raises(OutputError, match="that folder does not exist"):
        index_folder(folder, target)
    target.parent.mkdir()
    index_folder(folder, target)
    assert list(target.parent.iterdir()) == [target]
    before = target.read_bytes()
    (folder / "a.txt").write_text("Changed.")

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_folder(folder, target, fail)
    assert target.read_bytes() == before
    assert list(target.parent.iterdir()) == [target]


def test_searching_goes_on_while_an_index_is_updated(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "i.index"
    index_folder(folder, target)
    engine = IndexEngine(target)
    seen: list[list[str]] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            seen.append([hit.address for hit in engine.search("pears", 5)])

    thread = threading.Thread(target=search)
    thread.start()
    for number in range(20):
        (folder / "a.txt").write_text(f"Number {number}.")
        index_folder(folder, target)
    done.set()
    thread.join()
    assert len(seen) > 1
    assert all(one == ["below/b.md"] for one in seen)


def test_searching_writes_nothing(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "i.index"
    index_folder(folder, target)
    target.chmod(0o444)
    before = target.read_bytes()
    assert found(target, "apples") == ["a.txt"]
    assert target.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "i.index"]


def test_what_is_no_index_is_refused_and_left_alone(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no index at .*; make one: stepwave tools index"):
        IndexEngine(tmp_path / "none.index")
    (tmp_path / "letter.txt").write_text("Dear reader, " * 100)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE documents (id)")
    other.close()
    for name in ("letter.txt", "other.db"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(ConfigError, match="is no index of documents"):
            IndexEngine(tmp_path / name)
        with pytest.raises(ConfigError, match="is no index of documents"):
            index_folder(folder, tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    with pytest.raises(ConfigError, match="is no folder"):
        index_folder(tmp_path / "letter.txt", tmp_path / "i.index")


def test_an_index_that_breaks_later_is_told(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "i.index"
    index_folder(folder, target)
    engine = IndexEngine(target)
    data = bytearray(target.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    for damage in (bytes(data), b"gone"):
        target.write_bytes(damage)
        with pytest.raises(ToolError, match="their index is damaged or gone"):
            engine.search("apples", 3)
