"""The speaker embedding of measuring, on random weights; on the published ones where they have been fetched."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stepwave.evaluation.answers import UnscorableError
from stepwave.evaluation.scoring.campplus import EMBEDDING, CampPlus, read_campplus
from stepwave.evaluation.scoring.voice_ear import VoiceEar
from stepwave.facts.errors import CheckpointIncompleteError, CheckpointNotFoundError
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples

PUBLISHED = Path("runs/nano/starting/campplus.pt")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("campplus") / "campplus.pt"
    torch.save(CampPlus().state_dict(), path)
    return path


def noise(seconds: float, seed: int = 0) -> Samples:
    return (0.1 * np.random.default_rng(seed).standard_normal(int(16_000 * seconds))).astype(np.float32)


def test_shapes_and_sizes(weights: Path) -> None:
    model = read_campplus(weights)
    assert sum(one.numel() for one in model.parameters()) == 6_848_544
    for seconds in (0.5, 1.0, 3.3):
        embedding = model.embed(noise(seconds))
        assert embedding.shape == (EMBEDDING,)
        assert float(embedding.norm()) == pytest.approx(1, abs=1e-5)


def test_masks_look_at_a_second_around_and_at_the_whole(weights: Path) -> None:
    """Seconds that differ in loudness alone have features that differ by what is the same everywhere."""
    model = read_campplus(weights)
    sound = noise(3)
    assert torch.allclose(model.embed(sound), model.embed(0.25 * sound), atol=1e-2)
    changed = np.concatenate([sound[:16_000], noise(2, seed=1)])
    assert not torch.allclose(model.embed(sound), model.embed(changed), atol=1e-3)


def test_files_that_do_not_hold_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match="step starting"):
        read_campplus(tmp_path / "campplus.pt")
    for name, content in (("other.pt", {"x": torch.zeros(1)}), ("code.pt", print)):
        torch.save(content, tmp_path / name)
        with pytest.raises(CheckpointIncompleteError, match="does not hold CAM"):
            read_campplus(tmp_path / name)


def test_an_ear_compares_what_sounds(weights: Path) -> None:
    ear = VoiceEar(weights)
    sound = noise(2)
    assert ear.likeness(sound, sound) == pytest.approx(1, abs=1e-5)
    assert ear.likeness(sound, noise(2, seed=1)) < 1 - 1e-3
    with pytest.raises(UnscorableError, match="a voice takes"):
        ear.likeness(sound, sound[:4_000])


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="`stepwave prepare nano --step starting` has not fetched CAM++")
def test_the_published_weights_know_speakers() -> None:
    ear = VoiceEar(PUBLISHED)
    speech = read_audio("examples/question.wav").samples
    half = len(speech) // 2
    same, other = ear.likeness(speech[:half], speech[half:]), ear.likeness(speech, noise(2))
    assert same > other + 0.3
    silent_ends = np.concatenate([np.zeros(16_000, np.float32), speech, np.zeros(8_000, np.float32)])
    assert ear.likeness(speech, silent_ends) == pytest.approx(1, abs=0.02)
