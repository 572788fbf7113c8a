"""What the stored nano does with the repository's own question: it hears it, and answers it in words and in sound."""

from pathlib import Path

import numpy as np
import pytest

import stepwave
from stepwave.checkpoints.locate import nano_folders
from stepwave.dialogue.stepwave import Stepwave

ROOT = Path(__file__).resolve().parents[2]
QUESTION = ROOT / "examples" / "question.wav"
FOLDER = nano_folders()[0]
pytestmark = pytest.mark.skipif(not (FOLDER / "config.json").is_file(), reason=f"no weights at {FOLDER}")
LARGEST_FILE = 50 * 10**6
LARGEST_FOLDER = 200 * 10**6


@pytest.fixture(scope="module")
def nano() -> Stepwave:
    return stepwave.load("nano", threads=2)


def test_it_hears_the_question(nano: Stepwave) -> None:
    words = nano.transcribe(QUESTION).lower().strip(" ?.").split()
    assert words == ["what", "is", "the", "capital", "of", "france"]


def test_it_answers_the_question_in_words_and_in_sound(nano: Stepwave) -> None:
    reply = nano.reply(QUESTION, heard=False, seed=0)
    assert "Paris" in reply.text
    assert reply.reason == "stop"
    assert 0.5 < reply.seconds < 10
    assert np.sqrt(np.mean(reply.samples**2)) > 0.01


def test_its_folder_is_whole_and_small_enough_to_be_stored() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()}
    assert max(sizes.values()) < LARGEST_FILE
    assert sum(sizes.values()) < LARGEST_FOLDER
    assert "README.md" in sizes
