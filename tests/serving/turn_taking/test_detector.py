"""The rules by which turns start and stop, on probabilities that the test chooses: a sample's value is its own."""

from dataclasses import replace

import numpy as np
import pytest

from stepwave.facts.errors import AudioValueError
from stepwave.facts.rates import INPUT_SAMPLE_RATE as RATE
from stepwave.serving.turn_taking import detector as module
from stepwave.serving.turn_taking.detector import Pause, SpeechStarted, SpeechStopped, TurnDetector, TurnEvent
from stepwave.serving.turn_taking.settings import TurnSettings
from stepwave.signal.resample import Samples
from stepwave.signal.silero import FRAME

FRAME_SECONDS = FRAME / RATE
SETTINGS = TurnSettings(
    prefix_seconds=2 * FRAME_SECONDS,
    silence_seconds=4 * FRAME_SECONDS,
    starting_seconds=2 * FRAME_SECONDS,
    lasting_seconds=6 * FRAME_SECONDS,
    pause_seconds=2 * FRAME_SECONDS,
)


class Told:
    """In Silero's place: the probability of a frame is its first sample."""

    def reset(self) -> None:
        pass

    def probability(self, frame: Samples) -> float:
        return float(frame[0])


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SileroStream", Told)


def frames(probabilities: str) -> Samples:
    """Samples of frames by their probabilities: "_" is silence, "-" doubt between release and threshold, "#" speech."""
    values = {"_": 0.1, "-": 0.4, "#": 0.9}
    return np.repeat(np.array([values[each] for each in probabilities], np.float32), FRAME)


def found(detector: TurnDetector, probabilities: str, answering: bool = False) -> list[tuple[str, int, int]]:
    """Events with their places in frames: "start" and "stop"."""
    return [shown(event) for event in detector.push(frames(probabilities), answering)]


def shown(event: TurnEvent) -> tuple[str, int, int]:
    if isinstance(event, SpeechStarted):
        return "start", event.start // FRAME, event.detected // FRAME
    return "stop", event.speech_end // FRAME, event.end // FRAME


def test_a_pause_is_told_by_where_speech_ended() -> None:
    detector = TurnDetector(SETTINGS)
    told = []
    for frame in "__####__-#__":
        detector.push(frames(frame), False)
        told.append(detector.pause)
    seconds = FRAME / 16_000
    assert told[:6] == [None] * 6
    assert told[6:9] == [Pause(6 * FRAME, count * seconds) for count in (1, 2, 3)]
    assert told[9:] == [None, Pause(10 * FRAME, seconds), Pause(10 * FRAME, 2 * seconds)]
    *_, stopped = detector.push(frames("____"), False)
    assert isinstance(stopped, SpeechStopped)
    assert stopped.speech_end == 10 * FRAME
    assert detector.pause is None


def test_speech_starts_a_turn_and_silence_stops_it() -> None:
    detector = TurnDetector(SETTINGS)
    assert found(detector, "____##") == [("start", 2, 6)]
    assert detector.speaking
    assert found(detector, "#__#____") == [("stop", 10, 14)]
    assert not detector.speaking
    assert detector.position == 14 * FRAME


def test_the_onset_is_told_beside_the_start() -> None:
    (event,) = TurnDetector(SETTINGS).push(frames("____##"), False)
    assert event == SpeechStarted(start=2 * FRAME, onset=4 * FRAME, detected=6 * FRAME)


def test_a_click_starts_nothing() -> None:
    assert found(TurnDetector(SETTINGS), "__#_____#____") == []


def test_doubt_neither_starts_nor_stops() -> None:
    assert found(TurnDetector(SETTINGS), "--------") == []
    assert found(TurnDetector(SETTINGS), "##--------") == [("start", 0, 2)]
    assert found(TurnDetector(SETTINGS), "##_---") == [("start", 0, 2), ("stop", 2, 6)]


def test_a_turn_never_reaches_into_the_turn_before() -> None:
    detector = TurnDetector(replace(SETTINGS, prefix_seconds=1.0))
    assert found(detector, "##____##") == [("start", 0, 2), ("stop", 2, 6), ("start", 6, 8)]


def test_silence_of_no_length_stops_with_the_first_silent_frame() -> None:
    settings = replace(SETTINGS, silence_seconds=0.0)
    assert found(TurnDetector(settings), "##-#_") == [("start", 0, 2), ("stop", 4, 5)]


def test_only_lasting_speech_starts_a_turn_while_the_assistant_speaks() -> None:
    assert found(TurnDetector(SETTINGS), "#####____", answering=True) == []
    assert found(TurnDetector(SETTINGS), "######", answering=True) == [("start", 0, 6)]


def test_a_short_pause_counts_neither_for_nor_against() -> None:
    assert found(TurnDetector(SETTINGS), "####_##", answering=True) == [("start", 0, 7)]


def test_two_short_ones_are_not_a_long_one() -> None:
    detector = TurnDetector(SETTINGS)
    assert found(detector, "####__####__####", answering=True) == []
    # What is said on after a pause takes the words before it along.
    assert found(detector, "__######", answering=True) == [("start", 0, 24)]


def test_speech_that_outlasts_the_answer_starts_a_turn_at_once() -> None:
    detector = TurnDetector(SETTINGS)
    assert found(detector, "__###", answering=True) == []
    assert found(detector, "#", answering=False) == [("start", 0, 6)]


def test_speech_that_ended_within_the_answer_starts_none() -> None:
    detector = TurnDetector(SETTINGS)
    assert found(detector, "__###", answering=True) == []
    assert found(detector, "________", answering=False) == []


def test_a_turn_under_way_goes_on_when_the_assistant_speaks() -> None:
    detector = TurnDetector(SETTINGS)
    assert found(detector, "##") == [("start", 0, 2)]
    assert found(detector, "#____", answering=True) == [("stop", 3, 7)]


def test_reset_forgets_the_turn_and_keeps_counting() -> None:
    detector = TurnDetector(SETTINGS)
    detector.push(np.concatenate((frames("###"), frames("#")[:100])), False)
    detector.reset()
    assert (detector.speaking, detector.position) == (False, 3 * FRAME + 100)
    (event,) = detector.push(frames("##"), False)
    assert event == SpeechStarted(3 * FRAME + 100, 3 * FRAME + 100, 5 * FRAME + 100)


def test_settings_may_be_replaced_within_a_stream() -> None:
    detector = TurnDetector(SETTINGS)
    assert found(detector, "##__") == [("start", 0, 2)]
    detector.settings = replace(SETTINGS, silence_seconds=3 * FRAME_SECONDS)
    assert found(detector, "_") == [("stop", 2, 5)]


def test_events_are_plain_values() -> None:
    assert TurnDetector(SETTINGS).push(frames("##____"), False)[1] == SpeechStopped(6 * FRAME, 2 * FRAME)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 512), np.float32), r"shape \[2, 512\]"),
        (np.zeros(512, np.int16), "type int16; wanted float32"),
        (np.full(512, np.nan, np.float32), "NaN or infinity"),
    ],
)
def test_what_is_no_sound_is_refused_and_not_heard(samples: Samples, message: str) -> None:
    detector = TurnDetector(SETTINGS)
    with pytest.raises(AudioValueError, match=message):
        detector.push(samples, False)
    assert detector.position == 0
    assert detector.push(np.zeros(0, np.float32), False) == []
