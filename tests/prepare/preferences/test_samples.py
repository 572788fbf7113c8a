"""Answers of a model to the same question: asked with seeds of their own, stored with their sounds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepwave.data.manifests import read_clip, read_manifest
from stepwave.data.records import Clip, Record, Turn
from stepwave.facts.errors import ConfigError
from stepwave.prepare.preferences import samples
from stepwave.prepare.preferences.samples import AnswerSamples

from .conftest import Scripted, question, run

ANSWERS = (("Six.", 0.3, "stop"), ("It is six o'clock.", 0.5, "stop"), ("I I I I", 0.0, "length"))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scripted:
    """The model that the step opens, which needs no weights."""
    scripted = Scripted(ANSWERS)
    monkeypatch.setattr(samples, "open_talker", lambda *settings: scripted)
    monkeypatch.setattr(samples, "locate", lambda name: tmp_path)
    return scripted


def test_answers_are_stored_with_sound_seed_and_end(
    model: Scripted, write: Callable[..., Path], spoken: Clip, tmp_path: Path
) -> None:
    run(AnswerSamples(write([question(clip=spoken)]), count=3), tmp_path / "out")
    (record,) = read_manifest(tmp_path / "out")
    assert (record.kind, record.source, record.licence, record.split) == ("preference", "made", "CC0", "test")
    assert [turn.text for turn in record.turns] == ["What time is it?", *(text for text, _, _ in ANSWERS)]
    assert record.turns[0].clip == spoken
    assert [sample["turn"] for sample in record.details["samples"]] == [1, 2, 3]
    assert [sample["ended"] for sample in record.details["samples"]] == [True, True, False]
    assert record.details["references"] == ["It is six o'clock."]
    assert record.turns[3].clip is None
    for turn, seconds in zip(record.turns[1:3], (0.3, 0.5), strict=True):
        assert turn.clip is not None
        sound, rate = read_clip(turn.clip, None)
        assert (len(sound) / rate, turn.clip.seconds) == (seconds, seconds)
        assert np.allclose(sound, 0.1, atol=1e-3)
    assert all(len(asked) == 8_000 for asked in model.asked)


def test_seeds_differ_between_answers_and_stay_with_their_question(
    model: Scripted, write: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write([question("a"), question("b")])
    run(AnswerSamples(folder, count=3, seed=1), tmp_path / "one")
    run(AnswerSamples(folder, count=2, seed=1), tmp_path / "two")
    one, two = (list(read_manifest(tmp_path / name)) for name in ("one", "two"))
    seeds = [[sample["seed"] for sample in record.details["samples"]] for record in one]
    assert len(set(seeds[0] + seeds[1])) == 6
    assert [[sample["seed"] for sample in record.details["samples"]] for record in two] == [each[:2] for each in seeds]
    assert [options["seed"] for options in model.options[:6]] == seeds[0] + seeds[1]


def test_a_written_question_is_asked_in_writing(model: Scripted, write: Callable[..., Path], tmp_path: Path) -> None:
    folder = write([question()])
    run(AnswerSamples(folder, count=2, text_only=True, max_seconds=4.0, voice="alice"), tmp_path / "out")
    assert model.asked == ["What time is it?"] * 2
    options = model.options[0]
    assert (options["text_only"], options["max_seconds"], options["voice"], options["heard"]) == (
        True,
        4.0,
        "alice",
        False,
    )


def test_a_transcription_is_no_reference_answer(
    model: Scripted, write: Callable[..., Path], spoken: Clip, tmp_path: Path
) -> None:
    run(AnswerSamples(write([replace(question(clip=spoken), kind="asr")])), tmp_path / "out")
    (record,) = read_manifest(tmp_path / "out")
    assert record.details["references"] == []


def test_what_is_no_single_question_is_dropped_with_its_reason(
    model: Scripted, write: Callable[..., Path], tmp_path: Path
) -> None:
    turns: dict[str, tuple[Turn, ...]] = {
        "none": (Turn("system", "You are kind."),),
        "answer": (Turn("assistant", "Hello."),),
        "two": (Turn("human", "Listen."), Turn("human", "What was it?")),
        "empty": (Turn("human", " "),),
        "gone": (Turn("human", "hm", Clip("c", str(tmp_path / "gone.flac")), spoken=True),),
        "good": (Turn("system", "You are kind."), Turn("human", "Hello?")),
    }
    totals = run(
        AnswerSamples(write([Record(name, "conversation", each) for name, each in turns.items()])), tmp_path / "o"
    )
    assert totals["records"] == 1
    assert totals["dropped"] == {
        "a question of several turns": 1,
        "a question without sound and text": 1,
        "no question at its beginning": 2,
        "no such sound": 1,
    }


def test_another_state_of_the_model_is_another_step(
    model: Scripted, write: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write([question()])
    run(AnswerSamples(folder, device="cpu"), tmp_path / "out")
    run(AnswerSamples(folder, device="cuda"), tmp_path / "out")
    (tmp_path / "digests.json").write_text("{}")
    with pytest.raises(ConfigError, match="weights"):
        run(AnswerSamples(folder), tmp_path / "out")


@pytest.mark.parametrize("wrong", [{"count": 1}, {"temperature": 0.0}, {"top_p": 0.0}, {"top_p": 1.1}])
def test_settings_that_compare_nothing_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        AnswerSamples(tmp_path, **wrong)


@pytest.mark.slow
def test_a_real_model_answers_a_real_question_in_different_ways(write: Callable[..., Path], tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[3]
    if not (root / "models" / "nano" / "config.json").is_file():
        pytest.skip("needs nano's weights")
    clip = Clip("question", str(root / "examples" / "question.wav"))
    record = Record("q", "conversation", (Turn("human", "", clip, True, "en"),))
    run(AnswerSamples(write([record]), model=str(root / "models" / "nano"), count=2, max_seconds=4.0), tmp_path / "out")
    (answered,) = read_manifest(tmp_path / "out")
    sounds = [read_clip(turn.clip, None)[0] for turn in answered.turns[1:] if turn.clip is not None]
    assert len(sounds) == 2
    assert all(len(sound) > 2_400 for sound in sounds)
    assert len(sounds[0]) != len(sounds[1]) or not np.array_equal(*sounds)
    assert all(turn.text for turn in answered.turns[1:])
