"""Recordings become stored frames, clean and augmented, once and the same for the same seed; pitch follows a tone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stepwave.data.recordings import Recording, read_recordings, write_recordings
from stepwave.data.store import TensorStore
from stepwave.facts.rates import encoder_frames, valid_mel_frames
from stepwave.models.encoder import AudioEncoder, EncoderConfig
from stepwave.prepare.augment import Augmenter
from stepwave.prepare.features import FeaturePlan, store_features
from stepwave.prepare.pitch import fundamental_frequency
from stepwave.prepare.recordings import people, synthesised
from stepwave.prepare.synthesis import Utterance
from stepwave.signal.files import write_audio


def tone(seconds: float, hertz: float, rate: int) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hertz * time) + 0.2 * np.sin(4 * np.pi * hertz * time)).astype(np.float32)


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recording]:
    uses = {"said": ("tts", "kokoro/af_heart"), "heard": ("real", "103"), "rough": ("asr", "flite/slt")}
    made = []
    for number, (name, (use, voice)) in enumerate(uses.items()):
        path = tmp_path / f"{name}.wav"
        write_audio(path, tone(0.5 + 0.1 * number, 200, 16_000), 16_000)
        made.append(Recording(name, str(path), "a tone", use, voice))
    return made


@pytest.fixture
def encoder() -> AudioEncoder:
    torch.manual_seed(0)
    return AudioEncoder(EncoderConfig(bands=80, width=16, heads=2, layers=1, positions=200))


def test_each_use_has_its_readings_and_nothing_is_computed_twice(
    recordings: list[Recording], encoder: AudioEncoder, tmp_path: Path
) -> None:
    folder = tmp_path / "features"
    steps = list(store_features(recordings, encoder, folder, FeaturePlan(), None, seed=0))
    store = TensorStore(folder)
    heard = {f"heard{reading}.frames" for reading in ("", "~1", "~2", "~3", "~4", "~5", "~6")}
    assert set(store) == {"said.frames", "rough~1.frames"} | heard
    assert store.length("said.frames") == encoder_frames(valid_mel_frames(8_000))
    assert [done for done, _ in steps] == [1, 2, 3]
    assert list(store_features(recordings, encoder, folder, FeaturePlan(), None, seed=0)) == []


def test_augmented_readings_follow_from_the_seed(
    recordings: list[Recording], encoder: AudioEncoder, tmp_path: Path
) -> None:
    frames = []
    for place, seed in enumerate((0, 0, 1)):
        folder = tmp_path / str(place)
        list(store_features(recordings[1:2], encoder, folder, FeaturePlan(), None, seed))
        frames.append(TensorStore(folder)["heard~1.frames"])
    assert torch.equal(frames[0], frames[1])
    assert frames[0].shape != frames[2].shape or not torch.equal(frames[0], frames[2])


def test_augmented_sound_stays_in_range_and_near_its_length() -> None:
    augment = Augmenter(None)
    clean = tone(1.0, 150, 16_000)
    for seed in range(30):
        treated = augment(clean, np.random.default_rng(seed))
        assert np.isfinite(treated).all()
        assert 0 < np.abs(treated).max() <= 1.0
        assert 0.8 * len(clean) < len(treated) < 1.25 * len(clean)


def test_pitch_of_a_tone_is_found_on_every_inner_frame() -> None:
    pytest.importorskip("pyworld", reason="pitch tracking needs the extra `train`")
    track = fundamental_frequency(tone(1.0, 180, 24_000))
    assert track.shape == (50,)
    torch.testing.assert_close(track[5:-5], torch.full((40,), 180.0), atol=2.0, rtol=0)


def test_recordings_survive_their_manifest(tmp_path: Path, recordings: list[Recording]) -> None:
    write_recordings(tmp_path / "list.jsonl", recordings)
    assert read_recordings(tmp_path / "list.jsonl") == recordings


def test_only_spoken_utterances_are_listed(tmp_path: Path) -> None:
    spoken, missing = Utterance("Hello.", "tone/a"), Utterance("Not yet.", "tone/a")
    spoken.path(tmp_path).parent.mkdir(parents=True)
    write_audio(spoken.path(tmp_path), tone(0.3, 200, 24_000), 24_000)
    assert [one.text for one in synthesised([spoken, missing], tmp_path)] == ["Hello."]


def test_people_held_out_are_fifty_speakers_and_all_of_lj_speech(shared_data: Path) -> None:
    everybody = list(people(shared_data, seed=0))
    checked = [one for one in everybody if one.split == "check"]
    assert sum(one.use == "real" for one in checked) == 50
    assert sum(one.use == "ljspeech" for one in checked) == 32
    assert not {one.voice for one in checked} & {one.voice for one in everybody if one.split == "train"}
    assert all(Path(one.path).is_file() for one in everybody)
    assert len({one.id for one in everybody}) == len(everybody)
