"""Simulated speakers against a server that really runs, its model's answers written by the test."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwave.dialogue.stepwave import Stepwave
from stepwave.facts.errors import ConfigError, DataError, ServiceError
from stepwave.facts.events import AudioDelta, Event, Finished, TextDelta
from stepwave.serving.bench.figures import figures_of
from stepwave.serving.bench.line import Place
from stepwave.serving.bench.measure import Level, measure
from stepwave.serving.bench.recordings import Recording, read_recordings
from stepwave.serving.bench.speaker import Habits, Log, Speaker
from stepwave.serving.bench.watch import Usage, of_metrics, of_process

from ..conftest import TOKEN, Running, running
from ..scripted import PIECE, ScriptedTalker, said

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture(scope="module")
def questions() -> list[Recording]:
    return read_recordings(EXAMPLES)[0]


def talk(server: Running, questions: list[Recording], habits: Habits, speakers: int = 1) -> Level:
    place = Place(f"ws://{server.address}", TOKEN)
    return asyncio.run(measure(place, lambda: Usage(1000, 1.0), [speakers], questions, habits))[0]


def halting() -> Iterator[Event]:
    """Half a second of sound, silence long after that is played, and some more."""
    yield TextDelta("Well")
    for _ in range(5):
        yield AudioDelta(PIECE, 24_000)
    time.sleep(2)
    for _ in range(3):
        yield AudioDelta(PIECE, 24_000)
    yield Finished("stop", 1, 20, 0.1)


def test_answers_are_heard_as_they_were_made(tiny_talker: Stepwave, questions: list[Recording]) -> None:
    talker = ScriptedTalker(tiny_talker, said("Rivers.", 0.5), halting())
    with running(talker) as server:
        level = talk(server, questions, Habits(turns=2, interrupt_every=0))
    smooth, halted = level.log.turns
    assert (smooth.failure, halted.failure) == (None, None)
    assert (smooth.status, halted.status) == ("completed", "completed")
    assert (smooth.sound_seconds, halted.sound_seconds) == pytest.approx((0.5, 0.8))
    assert smooth.speech_stopped is not None
    assert smooth.first_audio is not None
    # Half a second of silence must have passed; Silero may find the end of speech a little early.
    assert 0.4 < smooth.speech_stopped < smooth.first_audio
    assert len(halted.underruns) == 1
    assert halted.real_time_factor is not None
    assert halted.real_time_factor > 1
    assert len(talker.sessions) == 1
    found = figures_of(level)
    assert (found.turns, found.failed, found.errors, found.refused, found.lost) == (2, {}, {}, {}, 0)
    assert (found.underruns.with_any, found.underruns.answers) == (1, 2)
    assert found.memory is not None
    assert (found.memory.start, found.memory.end) == (1000, 1000)


def test_an_answer_is_interrupted_and_the_interruption_answered(
    tiny_talker: Stepwave, questions: list[Recording]
) -> None:
    talker = ScriptedTalker(tiny_talker, said("A long story.", 30.0, pace=0.05), said("Rivers.", 0.2))
    with running(talker) as server:
        level = talk(server, questions, Habits(turns=2, interrupt_every=1))
    broken_off, answered = level.log.turns
    assert (broken_off.status, broken_off.failure, broken_off.interrupting) == ("cancelled", None, False)
    assert broken_off.barge_in is not None
    assert broken_off.barge_in.how == "cancelled"
    assert broken_off.barge_in.from_onset is not None
    assert broken_off.barge_in.from_lasting is not None
    # Two ways to say when it stopped: they differ by how long speech must last, pauses included.
    assert broken_off.barge_in.from_onset - broken_off.barge_in.from_lasting >= 0.74
    assert broken_off.sound_seconds < 30
    assert broken_off.real_time_factor is None
    assert (answered.status, answered.failure, answered.interrupting) == ("completed", None, True)
    assert level.log.errors == {}
    [session] = talker.sessions
    # The client told how much of the answer it had played.
    assert len(session.shortened) == 1
    assert 0 < session.shortened[0] <= broken_off.sound_seconds
    found = figures_of(level).barge_ins
    assert found.how == {"cancelled": 1}
    assert found.from_onset is not None
    assert found.from_onset.count == 1


def test_conversations_end_and_begin_anew(tiny_talker: Stepwave, questions: list[Recording]) -> None:
    talker = ScriptedTalker(tiny_talker, said("One.", 0.2), said("Two.", 0.2))
    with running(talker) as server:
        level = talk(server, questions, Habits(turns=2, interrupt_every=0, conversation=1))
    assert [turn.failure for turn in level.log.turns] == [None, None]
    assert len(talker.sessions) == 2


def test_a_failed_answer_is_counted_as_failed(tiny_talker: Stepwave, questions: list[Recording]) -> None:
    def broken() -> Iterator[Event]:
        yield TextDelta("Oh")
        raise ServiceError("the model is tired; let it rest")

    with running(ScriptedTalker(tiny_talker, broken())) as server:
        found = figures_of(talk(server, questions, Habits(turns=1)))
    assert found.failed == {"the answer ended as failed: the model is tired; let it rest": 1}
    assert found.first_audio is None


def test_who_finds_no_room_is_counted(
    tiny_talker: Stepwave, questions: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwave.serving.bench.speaker.RETRY_SECONDS", 0.0)
    talker = ScriptedTalker(tiny_talker, said("A long story.", 1.0))
    with running(talker, most_sessions=1) as server:
        found = figures_of(talk(server, questions, Habits(turns=1, interrupt_every=0), speakers=2))
    assert found.refused == {"server_full": 5}
    assert (found.left, found.turns, found.failed) == (1, 1, {})


def test_a_wrong_token_ends_it(server: Running, questions: list[Recording]) -> None:
    place = Place(f"http://{server.address}", "a wrong one")
    with pytest.raises(ServiceError, match="status 401"):
        asyncio.run(measure(place, lambda: None, [1], questions, Habits(turns=1)))


def test_nobody_there(questions: list[Recording]) -> None:
    with pytest.raises(ServiceError, match="can't be reached"):
        asyncio.run(measure(Place("ws://127.0.0.1:9"), lambda: None, [1], questions, Habits(turns=1)))


def test_what_is_cancelled_is_told(tiny_talker: Stepwave, questions: list[Recording]) -> None:
    answering = threading.Event()

    def long() -> Iterator[Event]:
        answering.set()
        yield from said("A long story.", 20.0, pace=0.05)

    async def cancelled(place: Place) -> list[Level]:
        task = asyncio.create_task(measure(place, lambda: None, [1, 2], questions, Habits(turns=9, interrupt_every=0)))
        assert await asyncio.to_thread(answering.wait, 60)
        task.cancel()
        return await task

    with running(ScriptedTalker(tiny_talker, long())) as server:
        [level] = asyncio.run(cancelled(Place(f"ws://{server.address}", TOKEN)))
    # The turn under way is not one.
    assert (level.speakers, level.interrupted, level.log.turns) == (1, True, [])


@pytest.mark.parametrize("counts", [[0], [1, 1000]])
def test_impossible_numbers_of_speakers(counts: list[int], questions: list[Recording]) -> None:
    with pytest.raises(ConfigError, match="wanted 1 to 256"):
        asyncio.run(measure(Place("ws://127.0.0.1:9"), lambda: None, counts, questions, Habits(turns=1)))


def test_habits_that_make_no_sense(questions: list[Recording]) -> None:
    with pytest.raises(ConfigError, match="for ever"):
        Habits(turns=None)
    with pytest.raises(ConfigError, match="turns is 0"):
        Habits(turns=0)
    with pytest.raises(ConfigError, match="interrupt_every is -1"):
        Habits(interrupt_every=-1)
    short = Recording("short", questions[0].samples, 0, None, 100)
    with pytest.raises(DataError, match="long enough to interrupt"):
        Speaker(0, Place("ws://127.0.0.1:9"), [short], Habits(), Log())


@pytest.mark.parametrize(
    ("url", "realtime", "metrics"),
    [
        ("ws://a:1", "ws://a:1/v1/realtime?model=nano", "http://a:1/metrics"),
        ("https://a/", "wss://a/v1/realtime?model=nano", "https://a/metrics"),
        ("ws://a:1/talk?model=b", "ws://a:1/talk?model=b", "http://a:1/metrics"),
    ],
)
def test_addresses(url: str, realtime: str, metrics: str) -> None:
    place = Place(url)
    assert (place.realtime, place.metrics) == (realtime, metrics)


def test_an_address_of_no_server() -> None:
    with pytest.raises(ConfigError, match="wanted one as"):
        Place("localhost:8000")


def test_usage_of_a_process() -> None:
    usage = of_process(os.getpid())
    assert usage is not None
    assert usage.resident > 10_000_000
    assert usage.cpu_seconds > 0
    assert of_process(2**30) is None


def test_usage_by_metrics_is_absent_where_it_is_not_told(server: Running) -> None:
    assert of_metrics(Place("ws://127.0.0.1:9")) is None
    told = of_metrics(Place(f"ws://{server.address}", TOKEN))
    assert told is None or told.resident > 0
