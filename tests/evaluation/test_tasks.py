from typing import Any

import numpy as np
import pytest

from stepwave.evaluation.answers import Arrival, Item
from stepwave.evaluation.tasks import TASKS, of_length, timed_reply
from stepwave.facts.errors import ConfigError
from stepwave.facts.events import AudioDelta


def test_transcribing_hears_the_recording_at_16_khz(model: Any, recording: str) -> None:
    model.texts = ["hello"]
    assert TASKS["transcribe"](model, Item("a", "x", recording)).text == "hello"
    assert model.asked == ["8000 samples"]


def test_the_vocoder_gets_whole_mel_frames_and_the_original_is_kept(model: Any, recording: str) -> None:
    produced = TASKS["vocode"](model, Item("a", "x", recording))
    assert produced.sound is not None
    assert produced.original is not None
    assert len(produced.sound) == len(produced.original) == 12_000
    np.testing.assert_array_equal(produced.sound, produced.original * 0.5)


def test_resynthesis_keeps_the_original_at_24_khz(model: Any, recording: str) -> None:
    produced = TASKS["resynthesise"](model, Item("a", "x", recording))
    assert produced.sound is not None
    assert produced.original is not None
    assert (len(produced.sound), len(produced.original)) == (4_800, 12_000)


def test_a_reply_is_timed_from_the_questions_end(model: Any, recording: str) -> None:
    ticks = iter([10.0, 11.5, 12.0, 12.25])
    produced = timed_reply(model, Item("a", "x", recording), lambda: next(ticks))
    assert model.asked == ["80000 samples"]
    assert produced.text == "It is noon."
    assert produced.arrivals == (Arrival(1.5, 0.2), Arrival(2.0, 0.1))
    assert produced.seconds == 2.25
    assert produced.sound is not None
    assert len(produced.sound) == 7_200
    assert not produced.cut


def test_sound_at_another_rate_is_refused(model: Any, recording: str) -> None:
    model.stream = lambda samples: iter([AudioDelta(samples, 16_000)])
    with pytest.raises(ConfigError, match="16000 Hz"):
        timed_reply(model, Item("a", "x", recording))


def test_a_question_keeps_its_end() -> None:
    samples = np.array([1, 2, 3], np.float32)
    np.testing.assert_array_equal(of_length(samples, 5), [0, 0, 1, 2, 3])
    np.testing.assert_array_equal(of_length(samples, 2), [2, 3])
    np.testing.assert_array_equal(of_length(samples, 3), samples)


def test_a_text_is_said_in_two_voices(model: Any, recording: str) -> None:
    produced = TASKS["say_as"](model, Item("a", "Good evening.", recording))
    assert model.asked == [f"Good evening. ({recording})", "Good evening."]
    assert produced.sound is not None
    assert produced.original is not None
    assert (len(produced.sound), len(produced.original)) == (7_200, 4_800)


@pytest.mark.parametrize("task", ["reply", "say_as"])
def test_an_item_without_a_recording_is_refused_where_one_is_needed(model: Any, task: str) -> None:
    with pytest.raises(ConfigError, match="no recording"):
        TASKS[task](model, Item("a", "x"))
