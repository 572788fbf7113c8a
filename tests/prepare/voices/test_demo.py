"""The library that comes with the project: as it is stored, and how such a one is made."""

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from stepwave.facts.errors import ConfigError, DataError, OutputError
from stepwave.prepare.voices import demo
from stepwave.prepare.voices.cast import Part, read_cast
from stepwave.prepare.voices.reshaping import AS_IT_IS, Reshaping, reshape
from stepwave.signal.resample import Samples
from stepwave.tools.voices.embedded import EmbeddedStore
from stepwave.tools.voices.embedding import speaker_embedding
from stepwave.tools.voices.exporting import every_entry
from stepwave.tools.voices.library import Embedding, VoiceLibrary
from stepwave.tools.voices.places import demo_folder
from stepwave.tools.voices.search import Sound, search
from stepwave.tools.voices.words import VERSION

FOLDER = Path(__file__).resolve().parents[3] / "models" / "voices"


@pytest.fixture
def library() -> VoiceLibrary:
    return VoiceLibrary(FOLDER, EmbeddedStore(FOLDER, read_only=True))


def test_the_stored_library_is_whole(library: VoiceLibrary) -> None:
    entries = list(every_entry(library))
    assert [entry.name for entry in entries] == [part.name for part in read_cast()]
    assert len(entries) >= 30
    for entry in entries:
        assert hashlib.sha256(library.clip_bytes(entry)).hexdigest() == entry.digest
        audio = library.clip(entry)
        assert 4 <= audio.seconds <= 8.1
        assert audio.sample_rate in (24_000, 48_000)  # Opus
        assert entry.transcript
        assert entry.description
        assert entry.licence
    assert len({entry.transcript for entry in entries}) == len(entries)
    files = {path for path in FOLDER.rglob("*") if path.is_file()}
    clips = {library.clip_path(entry) for entry in entries}
    assert files == clips | {FOLDER / "README.md", FOLDER / "voices.sqlite"}
    assert sum(path.stat().st_size for path in files) < 2_000_000
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| ([\w-]+) \|", page, re.MULTILINE)[1:] == [entry.name for entry in entries]


def test_the_stored_library_fits_this_version(library: VoiceLibrary) -> None:
    store = library.store
    assert isinstance(store, EmbeddedStore)
    assert store.meta("words") == str(VERSION)
    assert demo_folder() is not None
    embedding = speaker_embedding()
    assert store.embedder() == embedding.name
    angus = store.get("angus")
    assert angus is not None
    like = Sound(embedding.embed(library.clip(angus, 16_000).samples), embedding.name)
    assert search([library], like=like)[0].entry.name == "angus"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("a rough pirate", {"jack"}),
        ("Scottish accent", {"angus"}),
        ("whispering", {"nicole", "ghost", "max"}),
        ("cold and robotic", {"robbie"}),
        ("a gentle grandmother", {"rose"}),
        ("an elderly gentleman", {"arthur", "walter"}),
        ("someone like Santa", {"walter"}),
        ("a little girl", {"lucy"}),
        ("a British butler", {"jeeves"}),
        ("reading a fairy tale", {"edmund"}),
    ],
)
def test_people_find_what_they_ask_for(library: VoiceLibrary, query: str, names: set[str]) -> None:
    found = search([library], query)
    assert found[0].entry.name in names
    assert found[0].whole


def sound(hertz: float = 120.0) -> Samples:
    """A second of pulses through a resonance at 700 Hz, which WORLD takes for a voice."""
    time = np.arange(24_000) / 24_000
    harmonics = [n * hertz for n in range(1, int(5000 / hertz))]
    tones = [np.sin(2 * np.pi * each * time) / (1 + ((each - 700) / 200) ** 2) for each in harmonics]
    return np.asarray(0.1 * np.sum(tones, axis=0), np.float32)


def test_reshaping() -> None:
    pytest.importorskip("pyworld", reason="reshaping is pyworld's")
    plain = sound()
    assert reshape(plain, AS_IT_IS) is plain
    spectrum = np.abs(np.fft.rfft(reshape(plain, Reshaping(pitch=1.5))))
    assert spectrum.argmax() % 180 in (*range(3), *range(177, 180))  # a second: bins are Hz
    wide, narrow = (_centre(reshape(plain, Reshaping(formants=factor))) for factor in (1.3, 0.8))
    assert wide > 1.2 * narrow
    whisper = reshape(plain, Reshaping(breath=1))
    assert len(whisper) == len(plain)
    assert _flatness(whisper) > 10 * _flatness(plain)
    for wrong in ({"pitch": 9.0}, {"formants": 0.1}, {"breath": -1.0}):
        with pytest.raises(ConfigError, match="out of range"):
            Reshaping(**wrong)


def _centre(samples: Samples) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float((np.arange(len(power)) * power).sum() / power.sum())


def _flatness(samples: Samples) -> float:
    power = np.abs(np.fft.rfft(samples))[100:5000] ** 2 + 1e-12
    return float(np.exp(np.log(power).mean()) / power.mean())


@pytest.mark.skipif(shutil.which("flite") is None, reason="needs the program flite")
def test_a_library_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyworld", reason="pitch is measured by pyworld")
    text = "The next train to the airport leaves from platform number four in about ten minutes."
    parts = [Part("slow-man", "flite/rms", "a man, dry", text, 0.8), Part("short", "flite/slt", "a woman", "Hello.")]
    embedding = Embedding("none", lambda samples: np.ones(4, np.float32) / 2)
    told: list[float] = []
    with pytest.raises(DataError, match="the part 'short' lasts"):
        _make(monkeypatch, parts, tmp_path / "out", embedding, told)
    assert not (tmp_path / "out").exists()
    made = _make(monkeypatch, parts[:1], tmp_path / "out", embedding, told)
    assert told == [0.0, 0.5, 0.0]
    [entry] = made.store.entries()
    assert entry.description.startswith("a man, dry; ")
    assert re.search("slow pace", entry.description)
    assert (entry.gender, entry.transcript, entry.ending) == ("male", text, ".opus")
    assert "| slow-man | flite/rms | a man, dry; " in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    made.store.close()
    with pytest.raises(OutputError, match="not empty"):
        _make(monkeypatch, parts[:1], tmp_path / "out", embedding, told)


def _make(
    monkeypatch: pytest.MonkeyPatch, parts: list[Part], folder: Path, embedding: Embedding, told: list[float]
) -> VoiceLibrary:
    monkeypatch.setattr(demo, "read_cast", lambda: parts)
    return demo.make_demo_library(folder, folder.parent, embedding, lambda share, part: told.append(share))
