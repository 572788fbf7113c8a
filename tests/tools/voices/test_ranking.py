"""Ranking by words: the same as SQLite's BM25 in two passes, with a snapshot and without."""

import random
import sqlite3
from pathlib import Path

import pytest

from stepwave.tools.voices import inventory
from stepwave.tools.voices.contract import NewVoice
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.entries import Filters, VoiceEntry

TRAITS = "old young calm happy slow fast pirate king whispering".split()  # noqa: SIM905
SPOKEN = [f"word{number}" for number in range(40)]
QUERIES = [
    "old",
    "old calm",
    "old pirate word3",
    "word1 word2 fast",
    "whispers",
    "old young calm happy slow",
    "nothing",
]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedStore:
    monkeypatch.setattr(inventory, "LEAST_FOR_SNAPSHOT", 50)
    return EmbeddedStore(tmp_path)


def add(store: EmbeddedStore, first: int, count: int) -> None:
    made = []
    for number in range(first, first + count):
        chooser = random.Random(number)
        told = " ".join(chooser.sample(TRAITS, chooser.randint(1, 4)))
        # Some is both told and said, and lengths differ.
        said = " ".join([*chooser.sample(SPOKEN, chooser.randint(2, 20)), *chooser.sample(TRAITS, number % 3)])
        gender = chooser.choice(["male", "female"])
        entry = VoiceEntry(f"n{number}", f"{number:064x}", ".wav", 1.0, said, told, gender=gender, language="en")
        made.append(NewVoice(entry))
    store.add(made)


def by_sqlite(folder: Path, words: list[str], facet: str, limit: int) -> list[tuple[int, float, bool]]:
    base = sqlite3.connect(folder / "voices.sqlite")
    ranked = {}
    for joined in ("OR", "AND"):
        asked = "{told said} : (" + f" {joined} ".join(f'"{word}"' for word in words) + ")" + facet
        query = "SELECT rowid, -bm25(words, 3.0, 1.0, 0.0) FROM words WHERE words MATCH ?"
        ranked[joined] = dict(base.execute(query, (asked,)).fetchall())
    base.close()
    found = [(id, ranked["OR"][id], id in ranked["AND"]) for id in ranked["OR"]]
    return sorted(found, key=lambda one: (not one[2], -round(one[1], 4), one[0]))[:limit]


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("query", QUERIES)
def test_entries_come_as_bm25_has_them(tmp_path: Path, store: EmbeddedStore, query: str, settled: bool) -> None:
    add(store, 0, 200)
    if settled:
        store.settle()
    add(store, 200, 30)
    words = query.split()
    wanted = by_sqlite(tmp_path, words, "", 40)
    hits = store.find_words(words, limit=40)
    assert [(hit.id, hit.whole) for hit in hits] == [(id, whole) for id, _, whole in wanted]
    assert [hit.score for hit in hits] == pytest.approx([score for _, score, _ in wanted], abs=1e-3)
    men = store.find_words(words, Filters(gender="male"), 1000)
    passing = {entry.id for entry in store.entries(Filters(gender="male"))}
    everyone = store.find_words(words, limit=1000)
    assert men == [hit for hit in everyone if hit.id in passing]
    store.close()


def test_those_that_are_gone_make_room(store: EmbeddedStore) -> None:
    add(store, 0, 200)
    store.settle()
    hits = store.find_words(["old", "calm"], limit=1000)
    ids = [hit.id for hit in hits]
    for entry in store.fetch(ids[:40]):
        store.remove(entry.name)
    assert [hit.id for hit in store.find_words(["old", "calm"], limit=10)] == ids[40:50]
    store.close()


def test_other_word_tables_put_the_snapshot_out_of_use(tmp_path: Path, store: EmbeddedStore) -> None:
    add(store, 0, 60)
    store.settle()
    store.set_meta("words", "0")
    store.close()
    again = EmbeddedStore(tmp_path)
    assert again.meta(inventory.NOTE) is None
    assert again.find_words(["old"])
    again.settle()
    [_] = tmp_path.glob("voices-*.index")
    again.close()
