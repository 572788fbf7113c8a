"""A library on disk: what is added, imported again, refused, removed, exported, and searched with others."""

import io
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stepwave.facts.errors import (
    AudioFormatError,
    AudioNotFoundError,
    AudioTooLongError,
    AudioTooShortError,
    ConfigError,
    DataError,
    OutputError,
)
from stepwave.signal.resample import Samples
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.entries import Filters
from stepwave.tools.voices.exporting import export_library
from stepwave.tools.voices.library import Embedding, Imported, Offer, VoiceLibrary
from stepwave.tools.voices.places import FILE
from stepwave.tools.voices.search import Sound, search

MakeOffer = Callable[..., Offer]


def sound_file(hertz: float, seconds: float = 1.5, kind: tuple[str, str] = ("FLAC", "PCM_16")) -> bytes:
    time = np.arange(int(seconds * 16_000)) / 16_000
    encoded = io.BytesIO()
    sound = 0.3 * np.sin(2 * np.pi * hertz * time)
    soundfile.write(encoded, sound, 16_000, kind[1], format=kind[0])
    return encoded.getvalue()


@pytest.fixture
def library(tmp_path: Path, embedding: Embedding) -> Iterator[VoiceLibrary]:
    made = VoiceLibrary(tmp_path, EmbeddedStore(tmp_path), embedding)
    yield made
    made.store.close()


def clips(library: VoiceLibrary) -> list[Path]:
    return sorted(path for path in (library.folder / "clips").rglob("*") if path.is_file())


def imported(library: VoiceLibrary, offers: list[Offer]) -> Imported:
    return list(library.import_all(offers))[-1]


@pytest.mark.parametrize(
    ("kind", "ending"),
    [(("FLAC", "PCM_16"), ".flac"), (("WAV", "FLOAT"), ".wav"), (("OGG", "OPUS"), ".opus"),
     (("OGG", "VORBIS"), ".ogg"), (("MP3", "MPEG_LAYER_III"), ".mp3")],
)  # fmt: skip
def test_a_clip_is_kept_as_it_came(library: VoiceLibrary, offer: MakeOffer, kind: tuple[str, str], ending: str) -> None:
    data = sound_file(220, 2.0, kind)
    entry = library.add(offer("Ann", data=data, description="  a calm\n woman "))
    assert entry.ending == ending
    assert entry.description == "a calm woman"
    assert entry.seconds == pytest.approx(2.0, abs=0.05)
    assert library.clip_bytes(entry) == data
    assert clips(library) == [library.clip_path(entry)]
    assert library.clip(entry, 24_000).sample_rate == 24_000


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"not a sound at all", AudioFormatError),
        (sound_file(200, 0.5), AudioTooShortError),
        (sound_file(200, 31), AudioTooLongError),
        (b"RIFF" + b"\0" * 17 * 1024**2, AudioTooLongError),
    ],
)
def test_what_is_no_clip_is_refused(library: VoiceLibrary, offer: MakeOffer, data: bytes, error: type) -> None:
    with pytest.raises(error):
        library.add(offer("Ann", data=data))
    assert library.store.count() == 0
    assert clips(library) == []


def test_names_and_clips_are_there_once(library: VoiceLibrary, offer: MakeOffer) -> None:
    library.add(offer("Ann", 200))
    with pytest.raises(DataError, match="in the library already"):
        library.add(offer("Bea", 200))
    with pytest.raises(DataError, match="same name"):
        library.add(offer("Ann", 300))
    with pytest.raises(DataError, match="is to be called"):
        library.add(offer("../Ann", 300))


def test_an_import_goes_on_where_it_was_stopped(library: VoiceLibrary, offer: MakeOffer) -> None:
    offers = [offer(f"v{number}", 100 + 10 * number) for number in range(10)]
    part = library.import_all(offers)
    for _ in range(4):
        next(part)
    part.close()  # as Ctrl-C does
    assert library.store.count() == 4
    report = imported(library, offers)
    assert (report.added, report.present, report.seen) == (6, 4, 10)
    assert library.store.count() == 10
    assert imported(library, offers).present == 10


def test_an_import_skips_what_is_broken_and_says_why(library: VoiceLibrary, offer: MakeOffer) -> None:
    def lost() -> bytes:
        raise AudioNotFoundError("it is gone")

    offers = [
        offer("good", 200), offer("good", 210), offer("copy", 200), offer("broken", data=b"x"), Offer("lost", lost),
        offer("long", data=sound_file(200, 31)), offer("///", 220), offer("wordy", 230, description="x" * 3000),
    ]  # fmt: skip
    report = imported(library, offers)
    assert (report.added, report.present) == (2, 1)
    assert report.skipped == {
        "no recording, or damaged": 1, "no such sound": 1, "longer than 30 s": 1,
        "what is told of it cannot be used": 2,
    }  # fmt: skip
    assert "lost: it is gone" in report.examples
    names = [entry.name for entry in library.store.entries()]
    assert names[0] == "good"
    assert names[1].startswith("good-")


def test_removing_takes_the_clip_too(library: VoiceLibrary, offer: MakeOffer) -> None:
    library.add(offer("Ann", 200))
    assert library.remove("Ann").name == "Ann"
    assert clips(library) == []
    with pytest.raises(DataError, match="no voice 'Ann'"):
        library.remove("Ann")


def test_a_lost_clip_is_told(library: VoiceLibrary, offer: MakeOffer) -> None:
    entry = library.add(offer("Ann", 200))
    library.clip_path(entry).unlink()
    with pytest.raises(AudioNotFoundError, match="the clip of 'Ann' is not at"):
        library.clip(entry)
    with pytest.raises(AudioNotFoundError):
        export_library(library, library.folder / "out")
    assert not (library.folder / "out").exists()


def test_vectors_of_another_model_are_refused(library: VoiceLibrary, offer: MakeOffer) -> None:
    library.add(offer("Ann", 200))
    library.embedding = Embedding("another", lambda samples: np.ones(8, np.float32))
    with pytest.raises(ConfigError, match="embedded by by pitch"):
        library.add(offer("Bea", 300))
    with pytest.raises(ConfigError, match="embedded by by pitch"):
        imported(library, [offer("Bea", 300)])


def test_words_and_sound_are_fused(library: VoiceLibrary, offer: MakeOffer, embedding: Embedding) -> None:
    for name, hertz, description in (
        ("low man", 200, "a man"), ("calm man", 600, "a calm man"), ("calm woman", 100, "a calm woman"),
    ):  # fmt: skip
        library.add(offer(name, hertz, description=description))
    like = Sound(embedding.embed(_tone(112)), embedding.name)

    def names(*arguments: object) -> list[str]:
        return [one.entry.name for one in search([library], *arguments)]  # type: ignore[arg-type]

    assert names("calm man")[0] == "calm man"
    assert set(names("calm man")) == {"calm man", "low man", "calm woman"}
    assert names("", like) == ["calm woman", "low man", "calm man"]
    both = search([library], "a calm voice", like)
    assert both[0].entry.name == "calm woman"
    assert both[0].whole
    assert both[0].likeness == pytest.approx(1.0, abs=0.02)
    assert names("", None, Filters(), 2) == ["low man", "calm man"]
    with pytest.raises(ConfigError, match="no library here has vectors of another"):
        search([library], like=Sound(like.vector, "another"))
    with pytest.raises(ConfigError, match="says what a voice is like"):
        search([library], "speak like a voice, please")


def test_several_libraries_are_searched_as_one(tmp_path: Path, offer: MakeOffer, embedding: Embedding) -> None:
    one, other = (VoiceLibrary(tmp_path / n, _made(tmp_path / n), embedding) for n in ("one", "other"))
    one.add(offer("Ann", 200, description="a calm woman"))
    other.add(offer("Bea", 300, description="an old calm woman"))
    other.add(offer("Cleo", 310, description="a calm woman"))
    assert [found.entry.name for found in search([one, other], "an old woman")] == ["Bea", "Ann", "Cleo"]
    assert [found.entry.name for found in search([one, other], "calm")] == ["Ann", "Cleo", "Bea"]
    assert search([one, other], "calm", limit=1)[0].library is one
    for library in (one, other):
        library.store.close()


def test_a_read_only_library_is_searched_and_not_changed(library: VoiceLibrary, offer: MakeOffer) -> None:
    library.add(offer("Ann", 200, description="calm"))
    fixed = EmbeddedStore(library.folder, read_only=True)
    assert len(fixed.find_words(["calm"])) == 1
    with pytest.raises(OutputError, match="read-only"):
        fixed.remove("Ann")
    with pytest.raises(OutputError, match="read-only"):
        fixed.add([])
    fixed.close()


def test_what_is_no_library_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no voice library"):
        EmbeddedStore(tmp_path, read_only=True)
    (tmp_path / FILE).write_bytes(b"something else entirely" * 1000)
    with pytest.raises(DataError, match="damaged or no voice library"):
        EmbeddedStore(tmp_path)
    (tmp_path / FILE).unlink()
    EmbeddedStore(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as base:
        base.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    base.close()
    with pytest.raises(DataError, match="format 99"):
        EmbeddedStore(tmp_path)


def test_a_store_with_other_word_tables_is_indexed_anew(library: VoiceLibrary, offer: MakeOffer) -> None:
    library.add(offer("Ann", 200, description="a calm woman"))
    library.store.close()
    with sqlite3.connect(library.folder / FILE) as base:
        base.execute("UPDATE meta SET value = '0' WHERE key = 'words'")
        base.execute("INSERT INTO words (words) VALUES ('delete-all')")
    base.close()
    again = EmbeddedStore(library.folder)
    assert len(again.find_words(["female"])) == 1
    assert again.meta("words") != "0"
    again.close()


def _tone(hertz: float) -> Samples:
    return np.asarray(np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000), np.float32)


def _made(folder: Path) -> EmbeddedStore:
    folder.mkdir()
    return EmbeddedStore(folder)
