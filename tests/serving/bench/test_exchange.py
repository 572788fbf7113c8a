"""One question and its answer, from events at made-up times."""

import base64
from typing import Any

import numpy as np
import pytest

from stepwave.serving.bench.exchange import ANSWER_PATIENCE, BargeIn, Exchange
from stepwave.serving.bench.microphone import Speech
from stepwave.serving.bench.recordings import Recording

RATE = 24_000
SAMPLES = np.zeros(2 * RATE, dtype=np.float32)
QUESTION = Speech(
    Recording("question", SAMPLES, onset=RATE // 2, lasted=round(1.25 * RATE), end=round(1.5 * RATE)), 100.0
)
"""Its speech lasts from 100.5 to 101.5, and would stop an answer at 101.25."""
INTERRUPTION = Speech(QUESTION.recording, 103.0)


def delta(seconds: float, response: str = "resp_1") -> dict[str, Any]:
    data = base64.b64encode(bytes(2 * round(seconds * RATE))).decode()
    return {"type": "response.output_audio.delta", "response_id": response, "delta": data}


def done(status: str, **details: Any) -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": "resp_1", "status": status, "status_details": details or None}}


STARTED = {"type": "input_audio_buffer.speech_started"}
STOPPED = {"type": "input_audio_buffer.speech_stopped"}
CREATED = {"type": "response.created", "response": {"id": "resp_1"}}
ITEM = {"type": "response.output_item.added", "response_id": "resp_1", "item": {"id": "item_1"}}
ASKED = [(100.7, STARTED), (102.0, STOPPED), (102.0, CREATED), (102.1, ITEM)]


def exchange(*events: tuple[float, dict[str, Any]], interrupted: bool = False) -> Exchange:
    made = Exchange(QUESTION, interruption=INTERRUPTION if interrupted else None)
    for at, event in events:
        made.take(at, event)
    return made


def test_a_whole_answer() -> None:
    made = exchange(*ASKED, (102.5, delta(0.2)), (102.9, delta(1.0)), (103.5, delta(0.8)), (103.5, done("completed")))
    # Dry from 102.7 to 102.9, then all of it.
    assert made.over_at == pytest.approx(104.7)
    turn = made.turn(speaker=3, number=2, begun=90.0, interrupting=False)
    assert (turn.speaker, turn.number, turn.recording, turn.at) == (3, 2, "question", 11.5)
    assert (turn.speech_stopped, turn.first_audio, turn.first_audio_from_stopped) == pytest.approx((0.5, 1.0, 0.5))
    assert turn.sound_seconds == pytest.approx(2.0)
    assert turn.real_time_factor == pytest.approx(0.5)
    assert turn.underruns == pytest.approx((0.2,))
    assert (turn.status, turn.failure, turn.barge_in) == ("completed", None, None)


def test_other_answers_do_not_count() -> None:
    made = exchange(*ASKED, (102.5, delta(0.2, "resp_0")), (102.6, delta(0.3)), (102.7, done("completed")))
    turn = made.turn(0, 1, 100.0, False)
    assert turn.first_audio == pytest.approx(1.1)
    assert turn.sound_seconds == pytest.approx(0.3)
    assert turn.real_time_factor is None  # all of it came at once


def test_an_answer_that_is_cancelled() -> None:
    # The interrupting speech begins at 103.5 and has lasted at 104.25.
    made = exchange(
        *ASKED, (102.5, delta(5.0)), (104.3, STARTED), (104.4, done("cancelled", reason="turn_detected")),
        interrupted=True,
    )  # fmt: skip
    assert (made.silenced_at, made.heard_seconds, made.item_id) == (104.3, pytest.approx(1.8), "item_1")
    assert made.over_at == 104.4
    turn = made.turn(0, 1, 100.0, False)
    assert turn.failure is None
    assert turn.barge_in == BargeIn("cancelled", pytest.approx(0.9), pytest.approx(0.15))


def test_an_answer_that_was_made_already_falls_silent_at_the_client() -> None:
    made = exchange(
        *ASKED, (102.5, delta(4.0)), (103.0, done("completed")), (104.3, STARTED), interrupted=True
    )  # fmt: skip
    assert made.over_at == 103.0
    assert made.barge_in() == BargeIn("already_made", pytest.approx(0.8), pytest.approx(0.05))


@pytest.mark.parametrize(("seconds", "how"), [(2.0, "too_late"), (2.5, "ignored")])
def test_an_answer_that_ends_before_it_is_stopped(seconds: float, how: str) -> None:
    made = exchange(*ASKED, (102.5, delta(seconds)), (102.5, done("completed")), interrupted=True)
    assert made.over_at == pytest.approx(102.5 + seconds)
    assert made.barge_in() == BargeIn(how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("events", "failure"),
    [
        ([(101.0, STOPPED)], "the server took a pause for the question's end"),
        ([*ASKED, (102.5, done("completed"))], "the answer had no sound"),
        (
            [*ASKED, (102.5, done("failed", error={"message": "no room"}))],
            "the answer ended as failed: no room",
        ),
        (
            [*ASKED, (102.5, delta(0.5)), (102.6, done("cancelled", reason="turn_detected"))],
            "the answer ended as cancelled: turn_detected",
        ),
        ([*ASKED, (102.5, delta(0.5)), (102.6, STARTED)], "the server heard speech where there was none"),
    ],
)
def test_what_counts_as_failed(events: list[tuple[float, dict[str, Any]]], failure: str) -> None:
    made = exchange(*events)
    assert made.over_at == events[-1][0]
    assert made.turn(0, 1, 100.0, False).failure == failure


def test_errors_are_counted_and_what_must_come_is_not_waited_for_for_ever() -> None:
    made = exchange((100.7, {"type": "error", "error": {"code": "overloaded"}}))
    assert made.errors == {"overloaded": 1}
    assert made.over_at is None
    assert made.deadline == 111.5
    made.take(102.0, STOPPED)
    assert made.deadline == 102.0 + ANSWER_PATIENCE
    made.fail(120.0, "the server did not answer in time")
    assert made.over_at == 120.0
