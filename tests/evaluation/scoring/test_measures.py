from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stepwave.evaluation.answers import Answer, AnswerFile, Arrival, Produced, UnscorableError
from stepwave.evaluation.evidence import Evidence
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.scoring import measures
from stepwave.evaluation.scoring.listener import Listener
from stepwave.evaluation.scoring.parts import Parts
from stepwave.evaluation.scoring.voice_ear import VoiceEar
from stepwave.signal.files import write_audio
from stepwave.signal.resample import Samples

Listeners = Callable[[dict[int, str]], Listener]


def sound(tenths: int) -> np.ndarray:
    return np.full(tenths * 2_400, 0.1, np.float32)


@pytest.fixture
def evidence(tmp_path: Path, listener_of: Listeners) -> Evidence:
    """A listener that hears one text in 0.2 s and another in 0.3 s."""
    return Evidence(AnswerFile(tmp_path, "check"), Parts(listener_of({2: "the big red tree", 3: "the red tree"})))


def pair(score: measures.Score | None) -> tuple[float, float]:
    assert score is not None
    return score.amount, score.per


def test_texts_are_compared_with_what_belongs_to_them(evidence: Evidence) -> None:
    item = Item("a", "the red tree")
    answer = evidence.file.store(item, Produced("a big tree", "the red bee", sound(2), sound(3)))
    assert pair(measures.transcript(answer, evidence)) == (2, 3)
    assert pair(measures.heard(answer, evidence)) == (1, 3)
    assert pair(measures.read_back(answer, evidence)) == (1, 3)
    assert pair(measures.sound_against_text(answer, evidence)) == (2, 3)
    assert pair(measures.original_read_back(answer, evidence)) == (0, 3)
    assert pair(measures.added_errors(answer, evidence)) == (1, 3)


def test_a_score_keeps_the_texts_compared(evidence: Evidence) -> None:
    answer = evidence.file.store(Item("a", "The red tree!"), Produced("A tree"))
    score = measures.transcript(answer, evidence)
    assert (score.reference, score.hypothesis) == ("the red tree", "a tree")


def test_silence_misses_every_word(evidence: Evidence) -> None:
    answer = evidence.file.store(Item("a", "the red tree"), Produced("the red tree"))
    assert pair(measures.read_back(answer, evidence)) == (3, 3)
    assert pair(measures.sound_against_text(answer, evidence)) == (3, 3)


def test_an_answer_without_words_cannot_be_compared_with_its_sound(evidence: Evidence) -> None:
    answer = evidence.file.store(Item("a", "hello"), Produced("...", sound=sound(2)))
    with pytest.raises(UnscorableError, match="no words"):
        measures.sound_against_text(answer, evidence)


@pytest.mark.parametrize(("text", "right"), [("It's noon!", 1), ("it is noon", 1), ("It is midnight.", 0), ("", 0)])
def test_accepted_answers_are_compared_as_they_sound(evidence: Evidence, text: str, right: float) -> None:
    item = Item("a", "what time is it", references=("It's noon.", "I don't know."))
    assert pair(measures.accepted(Answer(item, "finished", text), evidence)) == (right, 1)


def test_without_accepted_answers_nothing_is_said(evidence: Evidence) -> None:
    assert measures.accepted(Answer(Item("a", "what"), "finished", "that"), evidence) is None


class VowelEar(VoiceEar):
    """Takes two sounds for one voice as far as they are as long as each other."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))

    def likeness(self, one: Samples, other: Samples) -> float:
        return min(len(one), len(other)) / max(len(one), len(other))


def test_voices_are_compared_with_the_clip(tmp_path: Path, evidence: Evidence) -> None:
    clip = tmp_path / "clip.wav"
    write_audio(clip, sound(8), 24_000)
    hearing = replace(evidence, parts=replace(evidence.parts, voices=VowelEar()))
    answer = evidence.file.store(Item("a", "x", Sound(str(clip))), Produced(sound=sound(4), original=sound(2)))
    assert pair(measures.likeness(answer, hearing)) == (0.5, 1)
    assert pair(measures.own_likeness(answer, hearing)) == (0.25, 1)
    assert pair(measures.nearer(answer, hearing)) == (0.25, 1)
    assert pair(measures.is_nearer(answer, hearing)) == (1, 1)
    farther = evidence.file.store(Item("b", "x", Sound(str(clip))), Produced(sound=sound(2), original=sound(4)))
    assert pair(measures.is_nearer(farther, hearing)) == (0, 1)
    for bare, ears in ((replace(answer, sound=None), hearing), (answer, evidence), (_without_clip(answer), hearing)):
        with pytest.raises(UnscorableError):
            measures.nearer(bare, ears)


def _without_clip(answer: Answer) -> Answer:
    return replace(answer, item=replace(answer.item, sound=None))


def test_quality_needs_both_sounds_and_speech_in_them(evidence: Evidence) -> None:
    pytest.importorskip("pesq", reason="pesq is in the extra eval: it needs a compiler")
    half = evidence.file.store(Item("a", "x"), Produced(sound=sound(2)))
    silent = evidence.file.store(Item("b", "x"), Produced(sound=sound(20) * 0, original=sound(20) * 0))
    for answer in (half, silent):
        with pytest.raises(UnscorableError):
            measures.perceptual_quality(answer, evidence)


def test_times_by_hand(evidence: Evidence) -> None:
    # Sound for 0.5 s from 1.0 s on, the next 0.3 s only at 1.7 s, the last in good time.
    arrivals = (Arrival(1.0, 0.5), Arrival(1.7, 0.3), Arrival(1.8, 0.2))
    answer = Answer(Item("a", "x"), "finished", sound_seconds=1.0, seconds=1.9, arrivals=arrivals)
    assert pair(measures.first_sound(answer, evidence)) == (1.0, 1)
    assert pair(measures.real_time_factor(answer, evidence)) == (1.9, 1.0)
    assert measures.waiting(answer, evidence).amount == pytest.approx(0.2)


@pytest.mark.parametrize("measure", [measures.first_sound, measures.real_time_factor, measures.waiting])
def test_no_sound_has_no_times(evidence: Evidence, measure: Callable[[Answer, Evidence], measures.Score]) -> None:
    with pytest.raises(UnscorableError, match="no sound"):
        measure(Answer(Item("a", "x"), "finished", "text", seconds=1.0), evidence)


def test_languages_without_words_set_apart_are_compared_by_characters(evidence: Evidence) -> None:
    answer = Answer(Item("a", "今天天气很好。", language="zh"), "finished", "今天天气不好")
    assert pair(measures.transcript(answer, evidence)) == (1, 6)


def test_without_a_judge_or_a_reference_nothing_is_judged(evidence: Evidence) -> None:
    judged = measures.judged_by("question-answering/1")
    with pytest.raises(UnscorableError, match="no judge; name one"):
        judged(Answer(Item("a", "what", references=("that",)), "finished", "this"), evidence)
    with pytest.raises(UnscorableError, match="no reference"):
        judged(Answer(Item("a", "what"), "finished", "this"), evidence)
