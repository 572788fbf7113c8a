"""What every store of voices does: the embedded one and the database run the same tests."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from stepwave.facts.errors import ConfigError, DataError
from stepwave.tools.voices.contract import NewVoice, SpeakerVector, VoiceStore
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.entries import Filters, VoiceEntry
from stepwave.tools.voices.postgres import PostgresStore
from stepwave.tools.voices.words import query_words


@pytest.fixture(params=["embedded", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VoiceStore]:
    """An empty store of each kind."""
    made: VoiceStore
    if request.param == "embedded":
        made = EmbeddedStore(tmp_path)
    else:
        made = PostgresStore(request.getfixturevalue("empty_database"))
    yield made
    made.close()


def vector(*values: float) -> SpeakerVector:
    array = np.zeros(4, np.float32)
    array[: len(values)] = values
    return np.asarray(array / np.linalg.norm(array), np.float32)


def voice(name: str, vec: SpeakerVector | None = None, **told: str) -> NewVoice:
    return NewVoice(VoiceEntry(name, hashlib.sha256(name.encode()).hexdigest(), ".opus", 2.5, **told), vec)


@pytest.fixture
def filled(store: VoiceStore) -> VoiceStore:
    store.claim_embedder("a model")
    store.add(
        [
            voice("Edgar", vector(1, 0), description="a calm elderly man, slow", gender="male", language="en"),
            voice("Mary", vector(0, 1), description="a quick young woman", gender="female", language="en",
                  emotion="Happy"),
            voice("Lin", vector(0.1, 1), description="a woman who tells stories", gender="female", language="zh",
                  transcript="今天天气很好", style="story telling"),
            voice("Rob", None, description="a robotic voice", transcript="The old clock struck twelve."),
        ]
    )  # fmt: skip
    return store


def names(store: VoiceStore, query: str, filters: Filters = Filters(), limit: int = 10) -> list[str]:  # noqa: B008
    hits = store.find_words(query_words(query), filters, limit)
    return [entry.name for entry in store.fetch([hit.id for hit in hits])]


def test_entries_come_back_as_they_were(filled: VoiceStore) -> None:
    entry = filled.get("Lin")
    assert entry is not None
    assert (entry.transcript, entry.style, entry.seconds, entry.ending) == (
        "今天天气很好",
        "story telling",
        2.5,
        ".opus",
    )
    assert entry.id > 0
    assert filled.get("Nobody") is None
    assert [one.name for one in filled.entries()] == ["Edgar", "Mary", "Lin", "Rob"]
    assert [one.name for one in filled.entries(after=entry.id)] == ["Rob"]
    assert filled.known([entry.digest, "0" * 64]) == {entry.digest}


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("an old guy", "Edgar"),
        ("elderly and unhurried", "Edgar"),
        ("fast lady", "Mary"),
        ("someone who is telling a story", "Lin"),
        ("天气", "Lin"),
        ("a machine", "Rob"),
        ("the clock strikes twelve", "Rob"),
    ],
)
def test_words_find_what_they_mean(filled: VoiceStore, query: str, first: str) -> None:
    assert names(filled, query)[0] == first


def test_entries_with_all_words_come_first(filled: VoiceStore) -> None:
    hits = filled.find_words(["old", "male"])
    assert [hit.whole for hit in hits] == [True, False]
    assert [entry.name for entry in filled.fetch([hit.id for hit in hits])] == ["Edgar", "Rob"]
    assert names(filled, "a singing pirate") == []
    assert filled.find_words([]) == []
    assert len(filled.find_words(["female"], limit=1)) == 1


@pytest.mark.parametrize("query", ['old" OR "x', "old) AND (", "told:old", "o'ld*", "NEAR(old, 2)", "-", "% & | ! <->"])
def test_a_query_holds_no_operators(filled: VoiceStore, query: str) -> None:
    assert set(names(filled, query)) <= {"Edgar", "Mary", "Lin", "Rob"}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(gender="FEMALE"), ["Mary", "Lin"]),
        (Filters(gender="female", language="zh"), ["Lin"]),
        (Filters(emotion="happy"), ["Mary"]),
        (Filters(style="storytelling"), ["Lin"]),
        (Filters(style="story"), []),
        (Filters(language="fr"), []),
        (Filters(), ["Edgar", "Mary", "Lin", "Rob"]),
    ],
)
def test_filters(filled: VoiceStore, filters: Filters, expected: list[str]) -> None:
    assert [entry.name for entry in filled.entries(filters)] == expected
    assert filled.count(filters) == len(expected)
    assert set(names(filled, "old young calm story robot", filters)) == set(expected)
    near = filled.find_sound(vector(0, 1), filters)
    assert {one.name for one in filled.fetch([hit.id for hit in near])} == set(expected) - {"Rob"}


def test_the_nearest_voice_is_found(filled: VoiceStore) -> None:
    hits = filled.find_sound(vector(0, 1))
    assert [one.name for one in filled.fetch([hit.id for hit in hits])] == ["Mary", "Lin", "Edgar"]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.995, 0.0], abs=2e-3)
    assert len(filled.find_sound(vector(0, 1), limit=2)) == 2


def test_nothing_is_added_twice_and_all_or_none(filled: VoiceStore) -> None:
    with pytest.raises(DataError, match="same name is there already"):
        filled.add([voice("New"), NewVoice(VoiceEntry("Mary", "1" * 64, ".wav", 1.0))])
    entry = filled.get("Mary")
    assert entry is not None
    with pytest.raises(DataError, match="same clip is there already"):
        filled.add([NewVoice(VoiceEntry("Other", entry.digest, ".wav", 1.0))])
    assert filled.get("New") is None
    assert filled.count() == 4
    assert names(filled, "new") == []


def test_what_is_removed_is_found_no_more(filled: VoiceStore) -> None:
    removed = filled.remove("Mary")
    assert removed is not None
    assert removed.name == "Mary"
    assert filled.remove("Mary") is None
    assert names(filled, "quick woman") == ["Lin"]
    near = filled.fetch([hit.id for hit in filled.find_sound(vector(0, 1))])
    assert [one.name for one in near] == ["Lin", "Edgar"]
    filled.add([voice("Mary", vector(0, 1), description="another one")])
    again = filled.get("Mary")
    assert again is not None
    assert again.id > removed.id


def test_vectors_of_one_model_only(filled: VoiceStore) -> None:
    assert filled.embedder() == "a model"
    filled.claim_embedder("a model")
    with pytest.raises(ConfigError, match="embedded by a model, and another one is here"):
        filled.claim_embedder("another one")
    with pytest.raises(ConfigError, match="5 numbers came, and those of the library have 4"):
        filled.find_sound(np.ones(5, np.float32))
    with pytest.raises(ConfigError, match="5 numbers came"):
        filled.add([voice("Five", np.ones(5, np.float32))])
    assert filled.get("Five") is None


def test_an_empty_store(store: VoiceStore) -> None:
    assert (store.count(), store.entries(), store.known([]), store.embedder()) == (0, [], set(), None)
    assert store.find_words(["old"]) == []
    assert store.find_sound(vector(1)) == []
    assert store.fetch([1, 2]) == []
    store.settle()


@pytest.fixture
def many(store: VoiceStore) -> Callable[[int], VoiceStore]:
    def fill(count: int) -> VoiceStore:
        generator = np.random.default_rng(0)
        rows = np.abs(generator.normal(size=(count, 4))).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        genders = ("male", "female")
        told = [{"gender": genders[n % 2], "description": "deep" if n % 3 else "shrill"} for n in range(count)]
        store.add([voice(f"v{n}", row, **told[n]) for n, row in enumerate(rows)])
        return store

    return fill


def test_limits_hold_among_many(many: Callable[[int], VoiceStore]) -> None:
    store = many(600)
    assert len(store.find_words(["low"], limit=30)) == 30
    assert len(store.find_words(["low"], Filters(gender="male"), limit=500)) == 200
    hits = store.find_sound(vector(1, 1, 1, 1), Filters(gender="female"), limit=10)
    entries = store.fetch([hit.id for hit in hits])
    assert {entry.gender for entry in entries} == {"female"}
    assert len(entries) == 10
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
