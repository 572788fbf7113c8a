"""Voices of libraries by name: who counts of two, what is listed and found, what others do to a library meanwhile."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stepwave.facts.errors import AudioNotFoundError, DataError
from stepwave.tools.voices import opening
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.library import Offer, VoiceLibrary
from stepwave.tools.voices.offered import Offered, OfferedVoices, offered_voices
from stepwave.tools.voices.opening import open_to_read
from stepwave.tools.voices.places import LibraryPlace, own_folder

MakeOffer = Callable[..., Offer]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(opening, "demo_folder", lambda: None)


def filled(folder: Path, *offers: Offer) -> VoiceLibrary:
    folder.mkdir(parents=True)
    library = VoiceLibrary(folder, EmbeddedStore(folder))
    for one in offers:
        library.add(one)
    return library


@pytest.fixture
def voices(tmp_path: Path, offer: MakeOffer) -> Iterator[OfferedVoices]:
    """Of two libraries that both have an Ann."""
    filled(
        tmp_path / "first",
        offer("Ann", 200, description="an old woman, calm"),
        offer("Bea", 210, gender="female", style="news"),
    ).store.close()
    filled(
        tmp_path / "second", offer("Ann", 300, description="a pirate"), offer("Cleo", 310, description="a calm girl")
    ).store.close()
    offered = offered_voices([LibraryPlace(tmp_path / name) for name in ("first", "second")])
    yield offered
    offered.close()


def names(voices: list[Offered]) -> list[str]:
    return [one.name for one in voices]


def test_voices_are_listed_library_by_library(voices: OfferedVoices) -> None:
    listed = voices.listed(10)
    assert [(one.name, one.description) for one in listed] == [
        ("Ann", "an old woman, calm"),
        ("Bea", "female, news"),
        ("Cleo", "a calm girl"),
    ]
    assert names(voices.listed(2)) == ["Ann", "Bea"]
    assert names(voices.listed(2, taken={"Ann", "Zoe"})) == ["library:Ann", "Bea"]


def test_many_voices_are_listed_in_turn(voices: OfferedVoices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwave.tools.voices.offered._AT_ONCE", 1)
    assert names(voices.listed(10)) == ["Ann", "Bea", "Cleo"]


def test_the_first_library_with_a_name_counts(voices: OfferedVoices, tmp_path: Path) -> None:
    clip, library = voices.clip("Ann"), open_to_read([LibraryPlace(tmp_path / "first")])[0]
    entry = library.store.get("Ann")
    assert clip is not None
    assert entry is not None
    assert (clip.samples == library.clip(entry).samples).all()
    told = voices.clip("library:Ann")
    assert told is not None
    assert (told.samples == clip.samples).all()
    library.store.close()
    assert voices.find("a pirate", 5) == []  # its name means another voice


@pytest.mark.parametrize("name", ["Zoe", "", " ", "Zoe/../x", "Zoe\0", "\ud800", "A" * 1000])
def test_a_name_that_nobody_has_means_no_voice(voices: OfferedVoices, name: str) -> None:
    assert voices.clip(name) is None
    assert names(voices.find(name, 5)) == []


def test_voices_are_found_by_name_and_by_words(voices: OfferedVoices) -> None:
    assert names(voices.find("Cleo", 5)) == ["Cleo"]
    assert names(voices.find("calm elderly lady", 5)) == ["Ann", "Cleo", "Bea"]
    assert names(voices.find("calm elderly lady", 1)) == ["Ann"]
    assert names(voices.find("calm", 5, taken={"Ann"})) == ["library:Ann", "Cleo"]
    assert names(voices.find("the voice of", 5)) == []


def test_libraries_are_opened_at_the_first_question(tmp_path: Path, offer: MakeOffer) -> None:
    opened = []

    def libraries() -> list[VoiceLibrary]:
        opened.append(1)
        return open_to_read()

    voices = OfferedVoices(libraries)
    assert opened == []
    filled(own_folder(), offer("Mine")).store.close()
    assert names(voices.listed(5)) == ["Mine"]
    assert voices.clip("Mine") is not None
    assert opened == [1]
    voices.close()


def test_what_others_do_to_a_library_is_seen_and_nothing_is_written(tmp_path: Path, offer: MakeOffer) -> None:
    library = filled(tmp_path / "shared", offer("Ann", 200))
    voices = offered_voices([LibraryPlace(tmp_path / "shared")])
    assert names(voices.listed(5)) == ["Ann"]
    library.add(offer("Bea", 300))
    assert names(voices.listed(5)) == ["Ann", "Bea"]
    entry = library.store.get("Bea")
    assert entry is not None
    library.clip_path(entry).unlink()
    with pytest.raises(AudioNotFoundError):
        voices.clip("Bea")
    library.remove("Ann")
    assert voices.clip("Ann") is None
    voices.close()
    library.store.close()
    before = {path: path.read_bytes() for path in (tmp_path / "shared").iterdir() if path.is_file()}
    assert names(voices.listed(5)) == ["Bea"]
    voices.close()
    assert {path: path.read_bytes() for path in (tmp_path / "shared").iterdir() if path.is_file()} == before


def test_a_folder_without_a_library_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no voice library in"):
        offered_voices([LibraryPlace(tmp_path)])
    assert OfferedVoices().listed(5) == []
