"""Silence after an answer, and speech that ends it: sound goes in, events and questions come out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.serving.config import ServerConfig
from stepwave.serving.realtime.hearing import Hearing, Question
from stepwave.serving.realtime.input_buffer import InputBuffer
from stepwave.serving.realtime.playback import Playback
from stepwave.serving.realtime.settings import Settings
from stepwave.serving.service import Service
from stepwave.serving.turn_taking.settings import TurnSettings
from stepwave.signal.resample import Samples

from ..conftest import pcm16

IDLE = TurnSettings(idle_seconds=5.0)
SECOND = bytes(48_000)


@dataclass
class Heard:
    """A listener, and the hearing it listens to."""

    hearing: Hearing = field(init=False)
    playback: Playback = field(default_factory=Playback)
    responding: bool = False
    questions: list[Question] = field(default_factory=list)
    pauses: list[tuple[int, int] | None] = field(default_factory=list)
    refusals: int = 0
    """Pauses that are not taken up at first."""
    events: list[dict[str, Any]] = field(default_factory=list)

    def interrupt(self) -> None:
        self.responding = False

    def foresee(self, samples: Callable[[], Samples], speech_end: int) -> bool:
        self.pauses.append((len(samples()), speech_end))
        self.refusals -= 1
        return self.refusals < 0

    def resumed(self) -> None:
        self.pauses.append(None)

    def commit(self, question: Question) -> None:
        self.questions.append(question)

    def append(self, data: bytes) -> list[str]:
        """The types of the events that the sound brought."""
        count = len(self.events)
        asyncio.run(self.hearing.append(data))
        return [event["type"] for event in self.events[count:]]


@pytest.fixture(scope="module")
def service(tiny_talker: Stepwave) -> Iterator[Service]:
    service = Service(tiny_talker, ServerConfig())
    yield service
    service.turns.close()


def hearing(service: Service, turns: TurnSettings | None) -> Heard:
    heard = Heard()
    heard.hearing = Hearing(service, Settings(turns=turns), heard.playback, heard.events.append, heard)
    return heard


def test_silence_after_an_answer_is_committed_once(service: Service) -> None:
    heard = hearing(service, IDLE)
    assert heard.append(9 * SECOND) == []
    heard.hearing.answered()
    assert heard.append(9 * SECOND) == ["input_audio_buffer.timeout_triggered"]
    (event,), (question,) = heard.events, heard.questions
    assert event["audio_start_ms"] == pytest.approx(9_000, abs=100)
    assert event["audio_end_ms"] - event["audio_start_ms"] == pytest.approx(5_500, abs=500)
    assert event["item_id"] == question.item_id
    assert question.wants_answer
    assert 3.0 <= len(question.samples) / 16_000 < 4.1
    assert heard.append(9 * SECOND) == []
    heard.hearing.answered()
    assert heard.append(9 * SECOND) == ["input_audio_buffer.timeout_triggered"]


@pytest.mark.parametrize("turns", [None, TurnSettings()])
def test_nobody_is_asked_where_that_is_not_set(service: Service, turns: TurnSettings | None) -> None:
    heard = hearing(service, turns)
    heard.hearing.answered()
    assert heard.append(12 * SECOND) == []


def test_silence_counts_from_the_end_of_the_answers_sound(service: Service) -> None:
    heard = hearing(service, IDLE)
    heard.hearing.answered()
    heard.playback.add(3600)
    assert heard.append(12 * SECOND) == []
    heard.playback.stop()
    assert heard.append(4 * SECOND) == []
    heard.hearing.clear()
    assert heard.append(4 * SECOND) == []
    assert heard.append(3 * SECOND) == ["input_audio_buffer.timeout_triggered"]


def test_who_speaks_is_not_asked(service: Service, spoken_question: Samples) -> None:
    heard = hearing(service, IDLE)
    heard.hearing.answered()
    assert heard.append(4 * SECOND + pcm16(spoken_question)) == ["input_audio_buffer.speech_started"]
    # An answer that ends while somebody speaks does not make their pause a silence.
    heard.hearing.answered()
    assert heard.append(SECOND) == ["input_audio_buffer.speech_stopped"]
    assert heard.append(3 * SECOND) == []
    assert [question.wants_answer for question in heard.questions] == [True]


def test_an_answer_can_be_left_to_the_client(service: Service) -> None:
    heard = hearing(service, TurnSettings(idle_seconds=5.0, create_response=False))
    heard.hearing.answered()
    assert heard.append(6 * SECOND) == ["input_audio_buffer.timeout_triggered"]
    assert not heard.questions[0].wants_answer


def test_a_pause_and_its_end_are_told_once(service: Service, spoken_question: Samples) -> None:
    heard = hearing(service, TurnSettings(silence_seconds=1.0))
    speech, silence, piece = pcm16(spoken_question), bytes(24_000), 960
    for sound in (speech + silence, speech, silence + silence + SECOND):
        for start in range(0, len(sound), piece):
            heard.append(sound[start : start + piece])
    first, resumed, second, over = heard.pauses
    assert resumed is None
    assert over is None
    assert first is not None
    assert second is not None
    (question,) = heard.questions
    assert question.speech_end == second[1] > first[1]
    # What is foreseen is the question but for the rest of the silence.
    missing = len(question.samples) - second[0]
    assert missing / 16_000 == pytest.approx(1.0 - TurnSettings().expecting_seconds, abs=0.07)


def test_a_pause_that_is_not_taken_up_is_told_again(service: Service, spoken_question: Samples) -> None:
    heard = hearing(service, TurnSettings(silence_seconds=1.0))
    heard.refusals = 3
    sound, piece = pcm16(spoken_question) + 2 * SECOND, 960
    for start in range(0, len(sound), piece):
        heard.append(sound[start : start + piece])
    *told, over = heard.pauses
    assert over is None
    lengths, ends = zip(*filter(None, told), strict=True)
    assert len(told) == 4
    assert len(set(ends)) == 1
    assert list(lengths) == sorted(lengths)
    assert lengths[-1] > lengths[0], "what was heard since is not there"


class Busy(Heard):
    """A listener that has no time to answer ahead."""

    def foresee(self, samples: Callable[[], Samples], speech_end: int) -> bool:
        self.pauses.append((0, speech_end))
        return False


def test_what_is_not_taken_up_is_not_copied(
    service: Service, spoken_question: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied, turn = list[int](), InputBuffer.turn

    def counted(self: InputBuffer, end: int) -> Samples:
        copied.append(end)
        return turn(self, end)

    monkeypatch.setattr(InputBuffer, "turn", counted)
    heard = Busy()
    turns = Settings(turns=TurnSettings(silence_seconds=1.0))
    heard.hearing = Hearing(service, turns, heard.playback, heard.events.append, heard)
    sound, piece = pcm16(spoken_question) + 2 * SECOND, 960
    for start in range(0, len(sound), piece):
        heard.append(sound[start : start + piece])
    assert len(heard.pauses) > 10
    assert len(heard.questions) == len(copied) == 1
