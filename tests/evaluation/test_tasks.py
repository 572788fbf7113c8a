from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.answers import Produced
from stepwave.evaluation.items import Call, Item, Sound, Turn
from stepwave.evaluation.tasks import TASKS, Asked, of_length
from stepwave.facts.errors import ConfigError
from stepwave.text.standard_tools import WEATHER


def run(task: str, subject: Any, item: Item) -> Produced:
    return TASKS[task].run(subject, Asked(item, "check", 7))


@pytest.mark.parametrize(
    ("task", "wanted"), [("transcribe", "transcript"), ("translate", "translation"), ("reply", "speech")]
)
def test_a_recording_is_heard_at_16_khz(model: Any, recording: Sound, task: str, wanted: str) -> None:
    model.answers = {"a": "hello"}
    item = Item("a", "x", recording, language="en", answer_language="zh")
    assert run(task, model, item).text == "hello"
    (question,) = model.asked
    assert question.wanted == TASKS[task].wanted == wanted
    assert (len(question.last.samples), question.last.text) == (8_000, "")
    assert (question.check, question.item, question.seed) == ("check", "a", 7)
    assert (question.language, question.answer_language, question.heard) == ("en", "zh", False)


def test_a_whole_conversation_is_put(model: Any, recording: Sound) -> None:
    turns = (
        Turn("user", "What is said here", recording),
        Turn("assistant", "One moment.", calls=(Call("weather", {"location": "Oslo"}),)),
        Turn("tool", "Rain."),
    )
    item = Item("a", "said", recording, system="Be brief.", instruction="Which one?", turns=turns, tools=(WEATHER,))
    run("answer", model, item)
    (question,) = model.asked
    first, second, third, last = question.turns
    assert (first.text, len(first.samples)) == ("", 8_000), "the words of a sound are not told"
    assert (second.text, second.calls[0].name, third.side, third.text) == ("One moment.", "weather", "tool", "Rain.")
    assert (last.text, len(last.samples)) == ("Which one?", 8_000)
    assert (question.system, question.tools) == ("Be brief.", (WEATHER,))


def test_a_written_question_is_put_in_writing(model: Any) -> None:
    run("answer", model, Item("a", "How far is the moon?"))
    assert model.asked[0].last.text == "How far is the moon?"
    assert model.asked[0].last.samples is None


def test_what_was_heard_can_be_asked_for(model: Any, recording: Sound) -> None:
    run("reply_heard", model, Item("a", "x", recording))
    assert model.asked[0].heard


def test_the_vocoder_gets_whole_mel_frames_and_the_original_is_kept(model: Any, recording: Sound) -> None:
    produced = run("vocode", model, Item("a", "x", recording))
    assert produced.sound is not None
    assert produced.original is not None
    assert len(produced.sound) == len(produced.original) == 12_000
    np.testing.assert_array_equal(produced.sound, produced.original * 0.5)


def test_resynthesis_keeps_the_original_at_24_khz(model: Any, recording: Sound) -> None:
    produced = run("resynthesise", model, Item("a", "x", recording))
    assert produced.sound is not None
    assert produced.original is not None
    assert (len(produced.sound), len(produced.original)) == (4_800, 12_000)


def test_a_subject_without_parts_is_told(recording: Sound) -> None:
    class Plain:
        name = "plain"

    with pytest.raises(ConfigError, match="plain has no parts"):
        run("vocode", Plain(), Item("a", "x", recording))


def test_a_timed_question_is_brought_to_five_seconds(model: Any, recording: Sound) -> None:
    run("timed_reply", model, Item("a", "x", recording))
    samples = model.asked[0].last.samples
    assert len(samples) == 80_000
    assert not samples[:72_000].any()
    assert samples[72_000:].any()


def test_a_question_keeps_its_end() -> None:
    samples = np.array([1, 2, 3], np.float32)
    np.testing.assert_array_equal(of_length(samples, 5), [0, 0, 1, 2, 3])
    np.testing.assert_array_equal(of_length(samples, 2), [2, 3])
    np.testing.assert_array_equal(of_length(samples, 3), samples)


def test_a_stretch_of_a_recording_is_heard_alone(model: Any, recording: Sound) -> None:
    run("reply", model, Item("a", "x", replace(recording, start=0.1, seconds=0.25)))
    assert len(model.asked[0].last.samples) == 4_000


def test_a_text_is_said_in_two_voices(model: Any, recording: Sound) -> None:
    produced = run("say_as", model, Item("a", "Good evening.", recording))
    assert model.said == [("Good evening.", recording.path), ("Good evening.", None)]
    assert all(question.last.samples is None for question in model.asked)
    assert produced.sound is not None
    assert produced.original is not None
    assert (len(produced.sound), len(produced.original)) == (4_800, 7_200)


@pytest.mark.parametrize("task", ["reply_heard", "timed_reply", "transcribe", "translate", "say_as", "vocode"])
def test_an_item_without_a_recording_is_refused_where_one_is_needed(model: Any, task: str) -> None:
    with pytest.raises(ConfigError, match="no recording"):
        run(task, model, Item("a", "x"))
