"""`segment`: utterances of long recordings, by reference or stored anew."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recorded_material import RATE, Bench, Result, babble, recording, silence

from stepwave.data.manifests import read_clip
from stepwave.data.records import Record, Turn
from stepwave.facts.errors import ConfigError
from stepwave.prepare.pipeline.steps import Step
from stepwave.prepare.recorded.cutting import UtteranceBounds
from stepwave.prepare.recorded.segment import Segment
from stepwave.prepare.recorded.sounds import SoundReader
from stepwave.prepare.recorded.speech_activity import SpeechActivity
from stepwave.signal.files import read_audio

LEVEL = SpeechActivity(by="level")
BOUNDS = UtteranceBounds(shortest=1.0, longest=5.0, pause=0.4, padding=0.1)


def long_one() -> np.ndarray:
    pieces = [silence(1.0), babble(2.0), silence(0.8), babble(0.3), silence(1.0), babble(8.0, 1), silence(1.0)]
    return np.concatenate(pieces)


@pytest.fixture
def material(bench: Bench, tmp_path: Path) -> Path:
    (tmp_path / "damaged.flac").write_bytes(b"fLaC and nothing more")
    records = [
        recording(tmp_path / "long.flac", long_one(), "Words of all.", voice="somebody", attributes={"gender": "male"}),
        recording(tmp_path / "short.flac", np.concatenate((silence(0.5), babble(2.0, 3), silence(0.5))), "Hello."),
        recording(tmp_path / "silent.flac", silence(2.0)),
        recording(tmp_path / "damaged.flac"),
        recording(tmp_path / "missing.flac"),
        Record("two", "text", (Turn("human", "no sound"),)),
    ]
    return bench.manifest(records)


def test_utterances_refer_to_the_recording(bench: Bench, material: Path) -> None:
    done = bench.run(Segment(material, LEVEL, BOUNDS))
    first, *parted, hello = done.records
    assert [record.details["index"] for record in done.records] == [0, 2, 3, 0]
    assert first.details["recording"] == parted[0].details["recording"] == "long"
    assert (first.kind, first.source, first.licence) == ("speech", "generated", "CC0-1.0")
    assert first.clips[0].file == str(material.parent / "long.flac")
    assert first.clips[0].start == first.details["start"] == pytest.approx(0.9, abs=0.05)
    assert first.seconds == pytest.approx(2.2, abs=0.1)
    assert sum(record.seconds for record in parted) == pytest.approx(8.2, abs=0.2)
    assert all(1.0 <= record.seconds <= 5.0 for record in done.records)
    assert (first.clips[0].voice, first.clips[0].attributes) == ("somebody", {"gender": "male"})
    assert (first.turns[0].text, hello.turns[0].text) == ("", "Hello.")
    assert not list(done.folder.rglob("*.tar"))
    samples, _ = read_clip(parted[0].clips[0])
    start = round(parted[0].clips[0].start * RATE)
    assert np.abs(samples - long_one()[start : start + len(samples)]).max() < 1e-4


def test_what_gives_no_utterance_is_counted(bench: Bench, material: Path) -> None:
    done = bench.run(Segment(material, LEVEL, BOUNDS))
    assert done.dropped == {
        "utterance too short": 1, "no speech found": 1, "damaged sound": 1, "no such sound": 1, "unusable record": 1,
    }  # fmt: skip
    assert (done.why["silent"], done.why["two"]) == ("no speech found", "unusable record")


@pytest.fixture
def two_apart(bench: Bench, tmp_path: Path) -> Path:
    sound = np.concatenate((silence(1.0), babble(2.0), silence(1.0), babble(1.5, 5), silence(0.5)))
    return bench.manifest([recording(tmp_path / "long.flac", sound, rate=22_050, voice="somebody")])


def assert_same_utterances(stored: Result, referred: Result) -> None:
    assert [record.id for record in stored.records] == [record.id for record in referred.records]
    assert len(stored.records) == 2
    for record, other in zip(stored.records, referred.records, strict=True):
        clip = record.clips[0]
        assert clip.file.startswith(str(stored.folder))
        assert clip.file.endswith(".tar")
        assert (clip.start, clip.voice, record.details) == (0.0, "somebody", other.details)
        samples, rate = read_clip(clip, None)
        assert rate == 22_050
        assert np.abs(samples - read_clip(other.clips[0], None)[0][: len(samples)]).max() < 1e-4
        assert abs(clip.seconds - other.seconds) < 1e-3


def test_utterances_can_be_stored_anew_at_the_recordings_own_rate(bench: Bench, two_apart: Path) -> None:
    referred = bench.run(Segment(two_apart, LEVEL, BOUNDS))
    assert {Path(record.clips[0].file).name for record in referred.records} == {"long.flac"}
    assert_same_utterances(bench.run(Segment(two_apart, LEVEL, BOUNDS, copy=True)), referred)


def test_utterances_of_what_lies_long_inside_a_tar_are_stored_anew(bench: Bench, two_apart: Path) -> None:
    # One utterance as long as all of it: a way to have the recording in a tar.
    whole = UtteranceBounds(shortest=1.0, longest=10.0, pause=2.0, padding=1.0)
    packed = bench.run(Segment(two_apart, LEVEL, whole, copy=True))
    assert packed.records[0].clips[0].size > 0
    referred = bench.run(Segment(packed.folder, LEVEL, BOUNDS))
    assert {record.clips[0].file for record in referred.records} == {packed.records[0].clips[0].file}
    assert_same_utterances(bench.run(Segment(packed.folder, LEVEL, BOUNDS, copy_over=4.0)), referred)


def test_later_steps_decode_a_sound_in_a_tar_once(
    bench: Bench, two_apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = UtteranceBounds(shortest=1.0, longest=10.0, pause=2.0, padding=1.0)
    packed = bench.run(Segment(two_apart, LEVEL, whole, copy=True))
    utterances = bench.run(Segment(packed.folder, LEVEL, BOUNDS))
    decoded = 0

    def counting(*given: object, **named: object) -> object:
        nonlocal decoded
        decoded += 1
        return read_audio(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("stepwave.prepare.recorded.sounds.read_audio", counting)
    reader = SoundReader(RATE)
    assert len(utterances.records) == 2
    for record in utterances.records:
        samples, rate = reader.read(record.clips[0])
        assert rate == RATE
        assert np.array_equal(samples, read_clip(record.clips[0])[0])
    assert decoded == 1


def test_a_stretch_of_a_file_is_cut_inside_it(bench: Bench, tmp_path: Path) -> None:
    record = recording(tmp_path / "long.flac", long_one(), start=4.5, seconds=9.0)
    done = bench.run(Segment(bench.manifest([record]), LEVEL, BOUNDS))
    assert min(record.clips[0].start for record in done.records) >= 4.5
    assert done.records[0].details["start"] == round(done.records[0].clips[0].start - 4.5, 4)
    beyond = recording(tmp_path / "long.flac", long_one(), start=40.0, seconds=9.0)
    assert bench.run(Segment(bench.manifest([beyond]), LEVEL, BOUNDS)).dropped == {"sound without samples": 1}


def test_workers_write_the_same_and_nothing_gives_nothing(
    bench: Bench, material: Path, same_in_a_worker: Callable[[Step, Result], None]
) -> None:
    step = Segment(material, LEVEL, BOUNDS)
    same_in_a_worker(step, bench.run(step))
    nothing = bench.run(Segment(bench.manifest([]), LEVEL))
    assert (nothing.records, nothing.dropped) == ([], {})


def test_settings_that_later_steps_could_not_serve_are_refused(material: Path) -> None:
    with pytest.raises(ConfigError, match="wanted at most 1800, which can be decoded"):
        Segment(material, copy_over=7_200.0)
    with pytest.raises(ConfigError, match="longest_recording is 0 s; wanted more than 0"):
        Segment(material, longest_recording=0.0)
    with pytest.raises(ConfigError, match="copy_over is -1 s; wanted more than 0"):
        Segment(material, copy_over=-1.0)


def test_silero_cuts_a_real_recording(bench: Bench, tmp_path: Path, shared_data: Path) -> None:
    pytest.importorskip("silero_vad")
    speech = read_audio(shared_data / "fixtures" / "jfk.flac").samples
    noise = (0.05 * np.random.default_rng(0).standard_normal(4 * RATE)).astype(np.float32)
    source = bench.manifest([recording(tmp_path / "speech.flac", np.concatenate((noise, speech, noise, speech)))])
    done = bench.run(Segment(source, bounds=UtteranceBounds(longest=8.0)))
    starts = [record.details["start"] for record in done.records]
    ends = [start + record.seconds for start, record in zip(starts, done.records, strict=True)]
    # Four seconds of noise, eleven of speech, and both again.
    assert 3.5 < starts[0] < 4.6
    assert not any(start < 17.0 < end for start, end in zip(starts, ends, strict=True))
    assert 15.0 < sum(record.seconds for record in done.records) < 22.5
    assert all(1.0 <= record.seconds <= 8.0 for record in done.records)
