"""Clips in other voices: as long, of another pitch, with all that flow matching reads."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stepwave.data.manifests import read_manifest, write_line
from stepwave.data.records import Clip, Record, Turn
from stepwave.data.store import TensorStore
from stepwave.facts.errors import ConfigError
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step
from stepwave.prepare.pitch import fundamental_frequency
from stepwave.prepare.revoice import FURTHEST, HIGHEST_PITCH, LOWEST_PITCH, Revoice, drawn
from stepwave.prepare.voices.reshaping import AnalysedVoice, Reshaping, reshape
from stepwave.signal.files import write_audio
from stepwave.signal.mel import speech_mel

pytest.importorskip("pysptk", reason="pitch and voices need the extra `train`")
pytest.importorskip("pyworld", reason="pitch and voices need the extra `train`")

RATE = 24_000


def vowel(pitch: float, seconds: float = 1.2) -> np.ndarray:
    """A buzz of harmonics that fall off, as a throat makes it."""
    time = np.arange(round(seconds * RATE)) / RATE
    tones = [np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, int(8_000 / pitch))]
    return (0.1 * np.sum(tones, 0)).astype(np.float32)


def manifest(folder: Path) -> Path:
    """Two clips; the second record has the first one's clip as well."""
    folder.mkdir()
    records = []
    for number, pitch in enumerate((110.0, 200.0)):
        write_audio(folder / f"{number}.wav", vowel(pitch), RATE)
        clip = Clip(f"c{number}", str(folder / f"{number}.wav"), seconds=1.2, voice=f"v{number}")
        records.append(Record(f"r{number}", "asr", (Turn("human", "aah", clip, spoken=True),)))
    records.append(Record("again", "tts", records[0].turns))
    (folder / "manifest.jsonl").write_text("".join(write_line(record, folder) for record in records))
    return folder


def test_each_clip_is_stored_in_other_voices(tiny_nano: Path, tmp_path: Path) -> None:
    source = manifest(tmp_path / "in")
    list(run_step(Revoice(source, str(tiny_nano), 2), tmp_path / "out", Processes(0)))
    store = TensorStore(tmp_path / "out" / "parts")
    names = [f"c{clip}+{voice}.{what}" for clip in (0, 1) for voice in (1, 2) for what in ("codes", "mel", "speaker")]
    assert sorted(store) == sorted(names)
    assert [record.id for record in read_manifest(tmp_path / "out")] == ["r0", "r1", "again"]
    for name in ("c0+1", "c0+2", "c1+1", "c1+2"):
        codes, mel = store[f"{name}.codes"], store[f"{name}.mel"]
        assert len(codes) == 30
        assert 2 * len(codes) <= len(mel) <= 2 * len(codes) + 1
        assert mel.shape[1] == 80
    mel = speech_mel(torch.from_numpy(vowel(110.0))).T
    apart = (store["c0+1.mel"].float() - store["c0+2.mel"].float()).abs().mean()
    assert apart > 0.3
    assert (store["c0+1.mel"].float() - mel[: len(store["c0+1.mel"])]).abs().mean() > 0.2


def test_the_same_seed_makes_the_same_voices(tiny_nano: Path, tmp_path: Path) -> None:
    source = manifest(tmp_path / "in")
    stores = []
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        list(run_step(Revoice(source, str(tiny_nano), 1, seed), tmp_path / name, Processes(0)))
        stores.append(TensorStore(tmp_path / name / "parts")["c1+1.mel"])
    assert torch.equal(stores[0], stores[1])
    assert not torch.equal(stores[0], stores[2])


def test_damaged_sound_drops_its_records_alone(tiny_nano: Path, tmp_path: Path) -> None:
    source = manifest(tmp_path / "in")
    (source / "1.wav").write_bytes(b"RIFF, but no sound")
    list(run_step(Revoice(source, str(tiny_nano), 1), tmp_path / "out", Processes(0)))
    assert [record.id for record in read_manifest(tmp_path / "out")] == ["r0", "again"]
    assert read_totals(tmp_path / "out")["dropped"] == {"damaged sound": 1}


def test_no_voices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"got 0 voices .*wanted at least 1"):
        Revoice(tmp_path, voices=0)


def test_voices_drawn_cover_what_people_have() -> None:
    chooser = np.random.default_rng(0)
    drawn_of_110 = [drawn(110.0, chooser) for _ in range(300)]
    pitches = np.array([110.0 * each.pitch for each in drawn_of_110])
    assert pitches.min() < LOWEST_PITCH * 1.1
    assert pitches.max() == pytest.approx(110 * FURTHEST)
    assert pitches.max() < HIGHEST_PITCH
    # high voices have high formants
    assert np.corrcoef(pitches, [each.formants for each in drawn_of_110])[0, 1] > 0.5
    assert drawn(None, chooser).pitch == 1.0


def test_a_voice_analysed_once_is_made_into_any() -> None:
    sound = vowel(120.0)
    voice = AnalysedVoice.of(sound)
    assert voice.pitch == pytest.approx(120.0, rel=0.01)
    for factor in (0.7, 1.5):
        made = voice.reshaped(Reshaping(pitch=factor))
        assert len(made) == len(sound)
        track = fundamental_frequency(made)
        assert float(track[track > 0].median()) == pytest.approx(120.0 * factor, rel=0.02)
    assert np.array_equal(voice.reshaped(Reshaping(pitch=1.5)), reshape(sound, Reshaping(pitch=1.5)))


def test_noise_has_no_pitch_and_keeps_none() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(RATE // 2).astype(np.float32)
    voice = AnalysedVoice.of(noise)
    assert voice.pitch is None
    assert len(voice.reshaped(Reshaping(pitch=2.0))) == len(noise)
