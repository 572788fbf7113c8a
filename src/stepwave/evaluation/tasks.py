"""What is done with a model for one item: from the item to what the model produced. Nothing is scored here."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from stepwave.evaluation.answers import Arrival, Item, Produced
from stepwave.evaluation.subject import Subject
from stepwave.facts.errors import ConfigError
from stepwave.facts.events import AudioDelta, Finished, TextDelta
from stepwave.facts.rates import INPUT_SAMPLE_RATE, OUTPUT_SAMPLE_RATE, SPEECH_MEL_HOP
from stepwave.signal.files import read_audio
from stepwave.signal.resample import Samples

TIMED_QUESTION_SECONDS: Final = 5.0
"""Length of the questions whose answers are timed: what the encoder costs depends on it."""


def transcribe(subject: Subject, item: Item) -> Produced:
    """Write down the recording."""
    return subject.transcribe(_recording(item, INPUT_SAMPLE_RATE))


def say(subject: Subject, item: Item) -> Produced:
    """Say the text."""
    return subject.say(item.text)


def say_as(subject: Subject, item: Item) -> Produced:
    """Say the text in the recording's voice, and to compare with, in the model's own."""
    if item.sound is None:
        raise ConfigError(f"item {item.id} has no recording of a voice; give the item a sound")
    said = subject.say(item.text, item.sound)
    own = subject.say(item.text)
    return replace(said, original=own.sound, cut=said.cut or own.cut)


def reply(subject: Subject, item: Item) -> Produced:
    """Answer the spoken question."""
    return subject.reply(_recording(item, INPUT_SAMPLE_RATE))


def vocode(subject: Subject, item: Item) -> Produced:
    """Take the recording to a mel and back."""
    recording = _recording(item, OUTPUT_SAMPLE_RATE)
    recording = recording[: len(recording) // SPEECH_MEL_HOP * SPEECH_MEL_HOP]
    return Produced(sound=subject.vocode(recording), original=recording)


def resynthesise(subject: Subject, item: Item) -> Produced:
    """Take the recording to speech tokens and back."""
    sound = subject.resynthesise(_recording(item, INPUT_SAMPLE_RATE))
    return Produced(sound=sound, original=_recording(item, OUTPUT_SAMPLE_RATE))


def timed_reply(subject: Subject, item: Item, clock: Callable[[], float] = time.perf_counter) -> Produced:
    """Answer the spoken question, noting when each piece of sound comes.

    The question is brought to `TIMED_QUESTION_SECONDS`, silence before it or its start cut off. The model gets it whole
    at the moment it ends, so all of hearing is part of the wait.
    """
    question = of_length(_recording(item, INPUT_SAMPLE_RATE), round(TIMED_QUESTION_SECONDS * INPUT_SAMPLE_RATE))
    text, pieces, arrivals, cut = "", [], [], False
    started = clock()
    for event in subject.stream(question):
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, AudioDelta) and len(event.samples):
            if event.sample_rate != OUTPUT_SAMPLE_RATE:
                raise ConfigError(f"got sound at {event.sample_rate} Hz; speed is measured at {OUTPUT_SAMPLE_RATE} Hz")
            arrivals.append(Arrival(clock() - started, len(event.samples) / event.sample_rate))
            pieces.append(event.samples)
        elif isinstance(event, Finished):
            cut = event.reason == "length"
    seconds = clock() - started
    sound = np.concatenate(pieces) if pieces else None
    return Produced(text, sound=sound, cut=cut, seconds=seconds, arrivals=tuple(arrivals))


def of_length(samples: Samples, length: int) -> Samples:
    """The last `length` samples, with silence before them where there are fewer."""
    return np.pad(samples[-length:], (max(0, length - len(samples)), 0))


TASKS: Final[Mapping[str, Callable[[Subject, Item], Produced]]] = {
    "transcribe": transcribe,
    "say": say,
    "say_as": say_as,
    "reply": reply,
    "vocode": vocode,
    "resynthesise": resynthesise,
    "timed_reply": timed_reply,
}
"""By the name that a check declares."""


def _recording(item: Item, sample_rate: int) -> Samples:
    if item.sound is None:
        raise ConfigError(f"item {item.id} has no recording, and its task needs one; give the item a sound")
    return read_audio(item.sound, sample_rate=sample_rate).samples
