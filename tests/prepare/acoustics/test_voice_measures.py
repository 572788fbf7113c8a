"""Measures of voices: pulses of known pitch, bursts at a known rate, sounds of known brightness."""

from pathlib import Path

import numpy as np
import pytest

from stepwave.data.manifests import MANIFEST, read_manifest, write_line
from stepwave.data.records import Record
from stepwave.prepare.acoustics.bands import MELODY, PITCH, RHYTHM, SPEED, TIMBRE, word_for
from stepwave.prepare.acoustics.measure import Measure
from stepwave.prepare.acoustics.voice_measures import (
    SPEAKING,
    measure_pitch,
    measure_rhythm,
    measure_timbre,
    measure_voice,
)
from stepwave.prepare.pipeline.processes import Processes
from stepwave.prepare.pipeline.run import read_totals, run_step
from stepwave.signal.voice_activity import find_sound

from .materials import pulses, speech_record, tone, write_manifest

RATE = 24_000


def bursts(lengths: list[float], gaps: list[float]) -> np.ndarray:
    """Stretches of a voice with silence between them, and before and after."""
    silence = [np.zeros(round(gap * RATE), np.float32) for gap in [0.5, *gaps, 0.5]]
    voices = [pulses(120.0, length) for length in lengths]
    return np.concatenate([silence[0], *(part for pair in zip(voices, silence[1:], strict=True) for part in pair)])


@pytest.mark.parametrize("hertz", [85.0, 120.0, 200.0, 310.0])
@pytest.mark.parametrize("hum", [0.0, 0.02], ids=["clean", "with mains hum"])
def test_pitch_is_that_of_the_pulses(hertz: float, hum: float) -> None:
    pytest.importorskip("pysptk")
    measured = measure_pitch(pulses(hertz, 2.0) + tone(60.0, 2.0, hum, RATE))
    assert measured["pitch_hz"] == pytest.approx(hertz, rel=0.02)
    assert measured["pitch_range_semitones"] < 1.0


def test_the_range_of_pitch_is_in_semitones() -> None:
    pytest.importorskip("pysptk")
    voice = np.concatenate([pulses(100.0, 1.5), pulses(200.0, 1.5)])
    assert measure_pitch(voice)["pitch_range_semitones"] == pytest.approx(12.0, abs=0.5)


def test_noise_and_silence_have_no_pitch() -> None:
    pytest.importorskip("pysptk")
    hiss = 0.1 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert measure_pitch(np.diff(hiss, prepend=hiss[:1])) == {}
    assert measure_pitch(np.zeros(0, np.float32)) == {}
    assert measure_voice(np.zeros(RATE, np.float32), "words") == {}


def test_rhythm_is_that_of_the_bursts() -> None:
    rhythm = measure_rhythm(find_sound(bursts([1.0, 1.0, 2.0], [0.5, 1.0]), RATE, SPEAKING))
    assert rhythm.pauses == 2
    assert rhythm.speaking_seconds == pytest.approx(4.0, abs=0.15)
    assert rhythm.pause_share == pytest.approx(1.5 / 5.5, abs=0.03)
    assert rhythm.pauses_per_minute == pytest.approx(2 / 5.5 * 60, rel=0.05)
    assert rhythm.phrase_variability == pytest.approx(np.std([1, 1, 2]) / np.mean([1, 1, 2]), abs=0.03)
    alone = measure_rhythm(find_sound(bursts([1.0], []), RATE, SPEAKING))
    assert (alone.pauses, alone.pause_share, alone.phrase_variability) == (0, 0.0, None)


def test_gaps_inside_words_are_no_pauses() -> None:
    assert measure_rhythm(find_sound(bursts([0.3] * 6, [0.12] * 5), RATE, SPEAKING)).pauses == 0


def test_speed_is_counted_over_the_time_of_speaking() -> None:
    pytest.importorskip("pysptk")
    voice = bursts([1.0, 1.0], [1.5])
    measured = measure_voice(voice, "The little dog wanted a banana.", "en")
    assert measured["words_per_second"] == pytest.approx(3.0, rel=0.05)
    assert measured["syllables_per_second"] == pytest.approx(5.0, rel=0.05)
    assert measured["pause_share"] == pytest.approx(1.5 / 3.5, abs=0.03)
    assert "syllables_per_second" not in measure_voice(voice, "Wort", "de")


def test_a_transcript_that_cannot_be_of_the_sound_gives_no_speed() -> None:
    pytest.importorskip("pysptk")
    for text in ("No.", "much too many words for a voice of two seconds " * 4):
        assert "words_per_second" not in measure_voice(bursts([1.0, 1.0], [0.5]), text, "en")


def test_loudness_is_that_of_the_speech_not_of_the_silence() -> None:
    pytest.importorskip("pysptk")
    sound = np.concatenate([np.zeros(RATE, np.float32), tone(200.0, 1.0, 0.1, RATE), np.zeros(RATE, np.float32)])
    assert measure_voice(sound, "")["loudness_dbfs"] == pytest.approx(-23.0, abs=0.3)


def test_timbre_follows_the_weight_of_high_frequencies() -> None:
    generator = np.random.default_rng(0)
    found = []
    for slope in (2.5, 0.8, 0.2):
        spectrum = np.fft.rfft(generator.standard_normal(2 * RATE))
        spectrum /= np.maximum(np.fft.rfftfreq(2 * RATE, 1 / RATE), 100.0) ** slope
        samples = np.fft.irfft(spectrum)
        found.append(measure_timbre((0.1 * samples / samples.std()).astype(np.float32)))
    assert [each["timbre"] for each in found] == ["dark", "neutral", "bright"]
    assert [each["tilt_db_per_octave"] for each in found] == pytest.approx([-15.05, -4.8, -1.2], abs=1.5)
    assert measure_timbre(np.zeros(10, np.float32)) == measure_timbre(np.zeros(RATE, np.float32)) == {}


def test_bounds_belong_to_the_word_above() -> None:
    for bands in (PITCH, MELODY, SPEED, RHYTHM, TIMBRE):
        for bound, below, above in zip(bands.bounds, bands.words, bands.words[1:], strict=False):
            assert word_for(bands, bound) == above
            assert word_for(bands, bound - 1e-6) == below
    assert word_for(PITCH, 110.0) == "low"
    assert word_for(SPEED, 4.5) == "moderate"


def test_measuring_adds_to_what_is_known_and_leaves_the_sound(speech: Path, tmp_path: Path) -> None:
    pytest.importorskip("pysptk")
    before = list(read_manifest(speech))
    list(run_step(Measure(speech), tmp_path / "out", Processes(0)))
    after = list(read_manifest(tmp_path / "out"))
    assert [record.id for record in after] == ["ann", "bob"]
    for old, new, hertz in zip(before, after, (200.0, 110.0), strict=True):
        (clip,) = new.clips
        assert (clip.file, clip.voice) == (old.clips[0].file, old.clips[0].voice)
        assert clip.attributes["gender"] == old.clips[0].attributes["gender"]
        assert clip.attributes["pitch_hz"] == pytest.approx(hertz, rel=0.02)
        assert clip.attributes["pause_share"] == 0.0  # measured anew, though 0.1 was noted
    assert not list((tmp_path / "out" / "parts").glob("*.tar"))


def test_silent_and_damaged_speech_is_dropped_with_a_reason(stored: object, tmp_path: Path) -> None:
    pytest.importorskip("pysptk")
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF????WAVE")
    records = [
        speech_record("silent", "words", stored("silent", np.zeros(RATE, np.float32), RATE)),  # type: ignore[operator]
        speech_record("broken", "words", broken),
        speech_record("gone", "words", tmp_path / "gone.wav"),
    ]
    list(run_step(Measure(write_manifest(tmp_path / "speech", records)), tmp_path / "out", Processes(0)))
    assert read_totals(tmp_path / "out")["dropped"] == {
        "silent sound": 1, "damaged sound": 1, "no such sound": 1,
    }  # fmt: skip


def test_real_readers_are_measured_plausibly(shared_data: Path, tmp_path: Path) -> None:
    """103-1240 is a woman recorded with mains hum, which DIO alone takes for a voice of 60 Hz."""
    pytest.importorskip("pysptk")
    folder = shared_data / "librispeech-251"
    transcripts = dict(
        line.split("\t", 1) for line in (folder / "transcripts.whisper-base.tsv").read_text().splitlines()
    )
    names = {"103-1240-0000": (190, 230), "1034-121119-0000": (80, 150)}
    records = [speech_record(name, transcripts[f"{name}.flac"], folder / f"{name}.flac") for name in names]
    list(run_step(Measure(write_manifest(tmp_path / "speech", records)), tmp_path / "out", Processes(0)))
    for record in read_manifest(tmp_path / "out"):
        low, high = names[record.id]
        assert low < record.clips[0].attributes["pitch_hz"] < high
        assert 2.5 < record.clips[0].attributes["syllables_per_second"] < 7


def test_records_without_sound_are_not_measured(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / MANIFEST).write_text(write_line(Record("a", "text", ()), folder))
    assert list(Measure(folder).rows()) == []
