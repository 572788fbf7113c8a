"""Real Silero on stored sounds: what stops an answer and how soon, whatever the chunks, and the assistant's echo."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from turn_measures import LEAD, Outcome, clips, events, in_room, measure

from stepwave.facts.rates import INPUT_SAMPLE_RATE as RATE
from stepwave.serving.turn_taking.detector import SpeechStarted, SpeechStopped, TurnDetector
from stepwave.serving.turn_taking.settings import TurnSettings
from stepwave.signal.resample import Samples

pytest.importorskip("onnxruntime")
pytest.importorskip("silero_vad")

SETTINGS = TurnSettings()


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [measure(clip, SETTINGS) for half in ("tune", "report") for clip in clips(half)]


def of_kind(outcomes: list[Outcome], kind: str) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.clip.kind == kind]


def test_every_interruption_stops_the_answer_in_time(outcomes: list[Outcome]) -> None:
    interruptions = of_kind(outcomes, "interruption")
    assert len(interruptions) >= 20
    assert [each for each in interruptions if not each.stopped] == []
    # 0.2 s is promised, 0.07 s measured.
    assert [each for each in interruptions if each.after_lasting > 0.1] == []
    assert max(each.after_onset for each in interruptions) < 1.2


def test_backchannels_do_not_stop_it(outcomes: list[Outcome]) -> None:
    backchannels = of_kind(outcomes, "backchannel")
    assert len(backchannels) >= 20
    # A drawn-out "Oh, okay." lasts longer than a short interruption.
    assert {each.clip.what for each in backchannels if each.stopped} <= {"Oh, okay."}


def test_coughs_laughs_knocks_and_keyboards_do_not_stop_it(outcomes: list[Outcome]) -> None:
    noises = of_kind(outcomes, "noise")
    assert len(noises) >= 15
    assert [each for each in noises if each.stopped] == []


def test_a_short_answer_is_a_turn_while_nobody_else_speaks() -> None:
    words = [clip for clip in clips("report") if clip.what in ("Yeah.", "Right.", "Okay.", "I see.")]
    for clip in words:
        samples = clip.samples
        started, stopped = events(TurnDetector(SETTINGS), in_room(samples), False)
        assert isinstance(started, SpeechStarted)
        assert isinstance(stopped, SpeechStopped)
        assert started.start < LEAD < started.onset < LEAD + 0.2 * RATE
        assert 0 <= stopped.speech_end - started.onset <= len(samples)
        assert 0.45 * RATE < stopped.end - stopped.speech_end < 0.7 * RATE


def conversation() -> Samples:
    """A few things said one after the other."""
    return np.concatenate([in_room(clip.samples) for clip in clips("tune")[::8]])


@given(st.lists(st.integers(1, 7000), min_size=1, max_size=40), st.booleans())
@budget(max_examples=8)
def test_turns_do_not_depend_on_how_the_sound_is_cut(lengths: list[int], answering: bool) -> None:
    sound = conversation()
    expected = TurnDetector(SETTINGS).push(sound, answering)
    assert expected
    detector = TurnDetector(SETTINGS)
    cuts = np.cumsum(np.resize(lengths, 3 * len(sound) // sum(lengths) * len(lengths)))
    parts = np.split(sound, cuts[cuts < len(sound)])
    assert [event for part in parts for event in detector.push(part, answering)] == expected


def test_streams_share_the_network_and_nothing_else() -> None:
    sound = conversation()
    alone = events(TurnDetector(SETTINGS), sound, False)
    first, second = TurnDetector(SETTINGS), TurnDetector(SETTINGS)
    together = []
    for start in range(0, len(sound), 320):
        together += first.push(sound[start : start + 320], False)
        second.push(sound[::-1][start : start + 320].copy(), False)
    assert together == alone


def speech(half: str) -> Samples:
    """Seven seconds of speech."""
    return np.concatenate([clip.samples for clip in clips(half) if clip.kind == "interruption"][:5])


def at_level(samples: Samples, decibels: float) -> Samples:
    return samples * np.float32(10 ** (decibels / 20))


def after_a_question() -> TurnDetector:
    """A detector that has heard the person say something."""
    detector = TurnDetector(SETTINGS)
    assert len(events(detector, in_room(speech("tune")), False)) >= 2
    return detector


def test_a_quiet_echo_of_the_assistant_does_not_stop_it() -> None:
    echo = in_room(at_level(speech("report"), -22))
    assert events(after_a_question(), echo, True) == []
    # Without the person's level to compare with, it is speech as any other.
    assert events(TurnDetector(SETTINGS), echo, True) != []


def test_the_person_is_heard_over_a_quiet_echo() -> None:
    echo = in_room(at_level(speech("report"), -22))
    words = next(clip for clip in clips("tune") if clip.kind == "interruption").samples
    echo[2 * RATE : 2 * RATE + len(words)] += words
    detector = after_a_question()
    begun = detector.position
    event = events(detector, echo, True)[0]
    assert isinstance(event, SpeechStarted)
    assert 0 < (event.onset - begun) / RATE - 2 < 0.3
    assert (event.detected - begun) / RATE - 2 < 1.1


def test_a_loud_echo_stops_it() -> None:
    """Which is why clients cancel echo: told here so that nobody believes otherwise."""
    assert events(after_a_question(), in_room(at_level(speech("report"), -6)), True) != []
