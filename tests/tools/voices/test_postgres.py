"""What only the store in a database has: addresses, tables that are there already, several programs at once."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stepwave.facts.errors import ConfigError, DataError
from stepwave.tools.contract import VoiceFound
from stepwave.tools.voices.library import Embedding, Offer
from stepwave.tools.voices.offered import offered_voices
from stepwave.tools.voices.opening import open_libraries, open_library, open_to_read
from stepwave.tools.voices.places import LibraryPlace
from stepwave.tools.voices.search_tool import audio_search

psycopg = pytest.importorskip("psycopg", reason="the database's client is the package psycopg")
from stepwave.tools.voices.postgres import PostgresStore  # noqa: E402

MakeOffer = Callable[..., Offer]


def test_a_library_with_its_entries_in_a_database(
    empty_database: str, tmp_path: Path, offer: MakeOffer, embedding: Embedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwave.tools.voices.opening.demo_folder", lambda: None)
    library = open_library(tmp_path, empty_database, embedding)
    offers = [offer(f"v{n}", 100 + 50 * n, description=f"a calm voice {n}") for n in range(4)]
    assert [report.added for report in library.import_all(offers)][-1] == 4
    library.store.close()
    assert not list(tmp_path.glob("*.sqlite"))
    [again] = open_libraries(tmp_path, empty_database)
    entry = again.store.get("v2")
    assert entry is not None
    assert again.clip_bytes(entry) == offers[2].read()
    assert again.store.embedder() == "by pitch"
    again.store.close()


def test_programs_that_begin_together_make_tables_once(empty_database: str) -> None:
    problems: list[Exception] = []

    def begin() -> None:
        try:
            PostgresStore(empty_database).close()
        except Exception as problem:  # told below
            problems.append(problem)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_other_formats_and_word_tables(empty_database: str, offer: MakeOffer, tmp_path: Path) -> None:
    library = open_library(tmp_path, empty_database)
    library.add(offer("Ann", description="a calm woman"))
    library.store.close()
    with psycopg.connect(empty_database) as base:
        base.execute("UPDATE stepwave_voices_meta SET value = '0' WHERE key = 'words'")
        base.execute("UPDATE stepwave_voices SET words = ''")
    store = PostgresStore(empty_database)
    assert len(store.find_words(["female"])) == 1
    assert store.find_sound(np.ones(4, np.float32)) == []  # nothing was embedded
    store.close()
    with psycopg.connect(empty_database) as base:
        base.execute("UPDATE stepwave_voices_meta SET value = '9' WHERE key = 'format'")
    with pytest.raises(DataError, match="voices of format 9"):
        PostgresStore(empty_database)


def test_a_database_out_of_reach(tmp_path: Path, empty_database: str) -> None:
    with pytest.raises(DataError, match="cannot be reached") as told:
        PostgresStore(f"postgresql://me:secret@/none?host={tmp_path}")
    assert "secret" not in str(told.value)
    with pytest.raises(ConfigError, match="wanted postgresql://"):
        open_library(tmp_path, "mysql://me:secret@here/none")
    store = PostgresStore(empty_database)
    with psycopg.connect(empty_database) as base:
        base.execute("DROP TABLE stepwave_voices")
    with pytest.raises(DataError, match="the database failed"):
        store.count()
    store.close()


def test_a_lost_connection_fails_one_question_and_is_made_anew(empty_database: str) -> None:
    store = PostgresStore(empty_database)
    with psycopg.connect(empty_database, autocommit=True) as base:
        base.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(DataError, match="the database failed"):
        store.count()
    assert store.count() == 0
    store.close()
    with pytest.raises(DataError, match="the database failed"):
        store.count()


def test_voices_are_offered_from_a_database(
    empty_database: str, tmp_path: Path, offer: MakeOffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwave.tools.voices.opening.own_folder", lambda: tmp_path / "nowhere")
    monkeypatch.setattr("stepwave.tools.voices.opening.demo_folder", lambda: None)
    shared = tmp_path / "shared"
    writing = open_library(shared, empty_database)
    writing.add(offer("Ann", description="a calm woman"))
    places = [LibraryPlace(shared, empty_database)]
    voices = offered_voices(places)
    assert [one.name for one in voices.find("a lady", 5)] == ["Ann"]
    assert voices.clip("Ann") is not None
    writing.add(offer("Bob", 300, description="a man"))  # by another computer, say
    assert [one.name for one in voices.listed(5)] == ["Ann", "Bob"]
    voices.close()
    writing.store.close()
    [opened] = open_to_read(places)
    found = audio_search(lambda: [opened]).run(query="a lady")
    opened.store.close()
    assert isinstance(found, VoiceFound)
    assert found.name == "Ann"
