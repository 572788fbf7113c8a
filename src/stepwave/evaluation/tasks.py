"""What is done with a subject for one item: from the item to what the subject produced. Nothing is scored here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from stepwave.evaluation.answers import Produced
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.question import Question, Said, Wanted
from stepwave.evaluation.recordings import read_sound
from stepwave.evaluation.subject import SoundParts, Subject
from stepwave.facts.errors import ConfigError
from stepwave.facts.rates import INPUT_SAMPLE_RATE, OUTPUT_SAMPLE_RATE, SPEECH_MEL_HOP
from stepwave.signal.resample import Samples

TIMED_QUESTION_SECONDS: Final = 5.0
"""Length of the questions whose answers are timed: what the encoder costs depends on it."""


@dataclass(frozen=True)
class Asked:
    """An item on its way to a subject."""

    item: Item
    check: str
    """The check it belongs to."""
    seed: int
    """Every random choice of the answer follows from it."""


@dataclass(frozen=True)
class Task:
    """A kind of question."""

    wanted: Wanted
    """What a subject must be able to give."""
    run: Callable[[Subject, Asked], Produced]
    """Puts an item to a subject."""


def question_of(asked: Asked, wanted: Wanted) -> Question:
    """The item as a question, its recordings read. Raises AudioError where one can't be."""
    item = asked.item
    turns = [Said(turn.side, "" if turn.sound else turn.text, _samples(turn.sound), turn.calls) for turn in item.turns]
    heard = _samples(item.sound)
    last = Said("user", item.text if heard is None else item.instruction, heard)
    return Question(
        wanted,
        (*turns, last),
        check=asked.check,
        item=item.id,
        system=item.system,
        tools=item.tools,
        language=item.language,
        answer_language=item.answered_in,
        seed=asked.seed,
    )


def _samples(sound: Sound | None) -> Samples | None:
    return None if sound is None else read_sound(sound, INPUT_SAMPLE_RATE)


def _asking(wanted: Wanted) -> Task:
    """Put the whole item as it is."""
    return Task(wanted, lambda subject, asked: subject.ask(question_of(asked, wanted)))


def _hearing(wanted: Wanted) -> Task:
    """Put the item's recording, which it must have."""

    def run(subject: Subject, asked: Asked) -> Produced:
        _recording(asked.item)
        return subject.ask(question_of(asked, wanted))

    return Task(wanted, run)


def reply_heard(subject: Subject, asked: Asked) -> Produced:
    """Answer the spoken question aloud, and write down what was heard."""
    _recording(asked.item)
    return subject.ask(replace(question_of(asked, "speech"), heard=True))


def converse(subject: Subject, asked: Asked) -> Produced:
    """Answer every round of a conversation aloud, the item's own last.

    The model is told its earlier answers by their words, as any subject can be.
    """
    whole = question_of(asked, "speech")
    told: list[Said] = []
    given: list[Produced] = []
    for turn in whole.turns:
        told.append(turn)
        given.append(subject.ask(replace(whole, turns=tuple(told))))
        told.append(Said("assistant", given[-1].text or "..."))
    return replace(given[-1], earlier=tuple(given[:-1]), cut=any(each.cut for each in given))


def say(subject: Subject, asked: Asked) -> Produced:
    """Say the text; a recording that the item may have is not heard."""
    return subject.ask(_reading(asked))


def say_as(subject: Subject, asked: Asked) -> Produced:
    """Say the text in the recording's voice, and to compare with, in the model's own."""
    recording = _recording(asked.item)
    if recording.size:
        raise ConfigError(
            f"item {asked.item.id}: a voice is taken from a recording in a file of its own, not of a shard"
        )
    said = subject.ask(replace(_reading(asked), voice=recording.path))
    own = subject.ask(_reading(asked))
    return replace(said, original=own.sound, cut=said.cut or own.cut)


def _reading(asked: Asked) -> Question:
    return question_of(replace(asked, item=replace(asked.item, sound=None)), "reading")


def vocode(subject: Subject, asked: Asked) -> Produced:
    """Take the recording to a mel and back."""
    recording = read_sound(_recording(asked.item), OUTPUT_SAMPLE_RATE)
    recording = recording[: len(recording) // SPEECH_MEL_HOP * SPEECH_MEL_HOP]
    return Produced(sound=_parts(subject).vocode(recording), original=recording)


def resynthesise(subject: Subject, asked: Asked) -> Produced:
    """Take the recording to speech tokens and back."""
    sound = _parts(subject).resynthesise(read_sound(_recording(asked.item), INPUT_SAMPLE_RATE))
    return Produced(sound=sound, original=read_sound(_recording(asked.item), OUTPUT_SAMPLE_RATE))


def timed_reply(subject: Subject, asked: Asked) -> Produced:
    """Answer the spoken question aloud, each piece of sound timed.

    The question is brought to `TIMED_QUESTION_SECONDS`, silence before it or its start cut off. The model gets it whole
    at the moment it ends, so all of hearing is part of the wait.
    """
    _recording(asked.item)
    question = question_of(asked, "speech")
    assert question.last.samples is not None
    whole = of_length(question.last.samples, round(TIMED_QUESTION_SECONDS * INPUT_SAMPLE_RATE))
    return subject.ask(replace(question, turns=(*question.turns[:-1], replace(question.last, samples=whole))))


def of_length(samples: Samples, length: int) -> Samples:
    """The last `length` samples, with silence before them where there are fewer."""
    return np.pad(samples[-length:], (max(0, length - len(samples)), 0))


TASKS: Final[Mapping[str, Task]] = {
    "transcribe": _hearing("transcript"),
    "translate": _hearing("translation"),
    "translate_aloud": _hearing("spoken_translation"),
    "answer": _asking("text"),
    "reply": _asking("speech"),
    "reply_heard": Task("speech", reply_heard),
    "timed_reply": Task("speech", timed_reply),
    "converse": Task("speech", converse),
    "say": Task("reading", say),
    "say_as": Task("reading", say_as),
    "vocode": Task("vocoded", vocode),
    "resynthesise": Task("resynthesised", resynthesise),
}
"""By the name that a check declares. `answer` and `reply` put the whole item: sound or text, instruction, earlier turns
and tools."""


def _recording(item: Item) -> Sound:
    if item.sound is None:
        raise ConfigError(f"item {item.id} has no recording, and its task needs one; give the item a sound")
    return item.sound


def _parts(subject: Subject) -> SoundParts:
    if not isinstance(subject, SoundParts):
        raise ConfigError(f"{subject.name} has no parts that can be measured by themselves; leave this check out")
    return subject
