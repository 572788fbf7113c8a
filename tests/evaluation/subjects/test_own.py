import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.evaluation.answers import Item
from stepwave.evaluation.subjects.own import ModelUnderTest, revision
from stepwave.evaluation.tasks import TASKS
from stepwave.facts.errors import CheckpointError, CheckpointNotFoundError
from stepwave.signal.files import write_audio


@pytest.fixture(scope="module")
def subject(tiny_nano: Path) -> ModelUnderTest:
    return ModelUnderTest(str(tiny_nano), threads=1)


@pytest.fixture
def noise(tmp_path: Path) -> str:
    path = tmp_path / "noise.wav"
    samples = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    write_audio(path, samples.astype(np.float32), 16_000)
    return str(path)


@pytest.mark.parametrize("task", ["vocode", "resynthesise"])
def test_parts_give_back_as_much_sound_as_they_get(subject: ModelUnderTest, noise: str, task: str) -> None:
    subject.begin(task, 0)
    produced = TASKS[task](subject, Item("a", "x", noise))
    assert produced.sound is not None
    assert produced.original is not None
    assert len(produced.sound) == len(produced.original) == 24_000
    assert np.isfinite(produced.sound).all()


def test_speaking_is_repeatable(subject: ModelUnderTest) -> None:
    sounds = []
    for _ in range(2):
        subject.begin("say", 1)
        sounds.append(TASKS["say"](subject, Item("a", "Hi.")).sound)
    assert sounds[0] is not None
    np.testing.assert_array_equal(sounds[0], sounds[1])


def test_every_call_gets_the_items_seed(subject: ModelUnderTest, noise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def noted(self: Stepwave, asked: object, voice: object, seed: int) -> Any:
        seeds.append(seed)
        raise CheckpointError("enough")

    for task, method in (("say", "say"), ("reply", "reply"), ("timed_reply", "stream_reply")):
        monkeypatch.setattr(Stepwave, method, noted)
        subject.begin(task, 17)
        with pytest.raises(CheckpointError, match="enough"):
            TASKS[task](subject, Item("a", "Hi.", noise))
    assert seeds == [17, 17, 17]


def test_only_the_parts_of_a_task_are_needed(tiny_nano: Path, noise: str, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(tiny_nano, folder)
    (folder / "flow.safetensors").unlink()
    subject = ModelUnderTest(str(folder), threads=1)
    subject.begin("vocode", 0)
    assert TASKS["vocode"](subject, Item("a", "x", noise)).sound is not None
    subject.begin("transcribe", 0)
    for task in ("say", "reply", "resynthesise", "timed_reply"):
        with pytest.raises(CheckpointError):
            subject.begin(task, 0)


def test_a_revision_changes_with_the_folder(tiny_nano: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_nano, folder)
    assert revision(folder) == revision(tiny_nano)
    (folder / "digests.json").unlink()
    own = revision(folder)
    with (folder / "vocoder.safetensors").open("ab") as file:
        file.write(b"more")
    assert revision(folder) != own


def test_a_model_that_is_not_there_is_told() -> None:
    with pytest.raises(CheckpointNotFoundError):
        ModelUnderTest("no/such/model/here")
