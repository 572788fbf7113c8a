"""`stepwave reply --session`: a conversation that goes on from one command to the next, in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import stepwave

Program = Callable[..., Any]


@pytest.fixture(autouse=True)
def _question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("question.wav", 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000)


def test_the_second_question_knows_of_the_first(program: Program, tiny_nano: Path) -> None:
    asked = (
        "reply",
        "question.wav",
        "-m",
        tiny_nano,
        "--max-seconds",
        0.4,
        "--seed",
        1,
        "--session",
        "talk.safetensors",
    )
    for _ in range(2):
        outcome = program(*asked)
        assert outcome.code == 0, outcome.err
    session = stepwave.load(tiny_nano, device="cpu", threads=1).resume("talk.safetensors")
    special = session.engine.tokenizer.special
    assert session.turns == 2
    assert session.ids.count(special.audio_start) == 2
    assert session.ids.count(special.bot) == 5  # what it is to be, and two questions with their answers


def test_a_file_that_is_no_conversation_is_left_alone(program: Program, tiny_nano: Path) -> None:
    Path("notes.txt").write_text("my notes")
    outcome = program("reply", "question.wav", "-m", tiny_nano, "--text", "--session", "notes.txt")
    assert outcome.code == 1
    assert "notes.txt is no saved conversation" in outcome.complaint
    assert Path("notes.txt").read_text() == "my notes"


def test_a_place_that_cannot_be_written_is_told_before_the_model_is_opened(program: Program) -> None:
    outcome = program("reply", "question.wav", "-m", "no-such-model", "--session", "nowhere/talk.safetensors")
    assert outcome.code == 1
    assert "nowhere/talk.safetensors" in outcome.complaint
    assert "does not exist" in outcome.complaint
