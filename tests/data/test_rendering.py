"""Rendered conversations: labels are the next id, and only the assistant's words carry one."""

import pytest

from stepwave.data.rendering import IGNORED, Renderer, TrainingExample
from stepwave.facts.rates import audio_positions
from stepwave.text.interleave import deinterleave
from stepwave.text.prompts import NANO_PROMPTS
from stepwave.text.tokenizer import Tokenizer


@pytest.fixture
def renderer(tiny_tokenizer: Tokenizer) -> Renderer:
    return Renderer(tiny_tokenizer, dict(NANO_PROMPTS))


def labelled(example: TrainingExample) -> list[int]:
    return [label for label in example.labels if label != IGNORED]


def check_shift(example: TrainingExample) -> None:
    assert len(example.ids) == len(example.labels)
    for place, label in enumerate(example.labels):
        assert label in (IGNORED, example.ids[place + 1] if place + 1 < len(example.ids) else IGNORED)


def test_a_transcription_labels_its_words_and_the_end_of_the_turn(renderer: Renderer) -> None:
    example = renderer.transcription("clip", 25, "It is a river.")
    check_shift(example)
    assert labelled(example) == [*renderer.tokenizer.encode("It is a river."), renderer.special.eot]
    patch = renderer.special.audio_patch
    assert example.positions == audio_positions(25) == 13
    assert set(example.ids[example.start : example.start + 13]) == {patch}
    assert example.ids.count(patch) == 13


def test_a_reading_labels_text_speech_and_marks_but_not_the_request_to_speak(renderer: Renderer) -> None:
    codes = list(range(100, 117))
    example = renderer.reading("Name three rivers.", codes)
    check_shift(example)
    said = labelled(example)
    assert renderer.special.tts_start not in said
    assert said[-2:] == [renderer.special.tts_end, renderer.special.eot]
    text, speech = deinterleave(said[:-2], renderer.special)
    assert renderer.tokenizer.decode(text) == "Name three rivers."
    assert speech == codes
    assert example.positions == 0


def test_an_answer_hears_one_recording_and_says_another(renderer: Renderer) -> None:
    example = renderer.answer("question", 50, "A river.", [5] * 9)
    check_shift(example)
    assert example.sound == "question"
    assert example.ids[example.start - 1] == renderer.special.audio_start
    assert example.ids[example.start + example.positions] == renderer.special.audio_end


def test_a_written_chat_has_text_only(renderer: Renderer) -> None:
    example = renderer.chat("And in one word?", "River.")
    check_shift(example)
    assert renderer.tokenizer.decode(labelled(example)[:-1]) == "River."
    assert example.sound is None
