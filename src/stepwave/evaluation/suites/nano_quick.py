"""The suite `nano_quick`: what nano v0 has to reach, in minutes on two cores, on material it was not trained on.

Material comes from `prepare`'s choices with the seed that nano was prepared with, so that nothing here was heard in
training: its held-out recordings, sentences, and questions in voices of their own.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from stepwave.data.recordings import Recording, read_recordings
from stepwave.evaluation.accepted import accepted_answers
from stepwave.evaluation.declaration import Check, Places, Suite
from stepwave.evaluation.figures import Measure, Target
from stepwave.evaluation.items import Item, Sound
from stepwave.evaluation.material.own import own_items
from stepwave.evaluation.material.samples import sample_or
from stepwave.evaluation.scoring import measures
from stepwave.facts.errors import ConfigError
from stepwave.prepare.checks import CLINC_FILE, QUESTIONS_FILE, checked_people, checked_sentences

PREPARED_SEED: Final = 0
"""The seed of `stepwave prepare nano`: it decides what was held out."""
TIMED_QUESTIONS: Final = 20
"""Questions whose answers are timed: enough for a median and a worst case, and not long."""


def librispeech(places: Places) -> list[Item]:
    """The 50 LibriSpeech speakers kept out of training."""
    if places.sample:
        return _sample(places)
    return [_heard(each) for each in _people(places) if each.use == "real"]


def ljspeech(places: Places) -> list[Item]:
    """The LJ Speech clips, none of them trained on."""
    if places.sample:
        return _sample(places)
    return [_heard(each) for each in _people(places) if each.use == "ljspeech"]


def sentences(places: Places) -> list[Item]:
    """The 100 sentences kept out of training."""
    if places.sample:
        return [replace(item, sound=None) for item in _sample(places)]
    try:
        texts = checked_sentences(places.data, PREPARED_SEED)
    except OSError as error:
        raise _missing(places.data, error) from error
    return [Item(f"sentence-{number:03d}", text) for number, text in enumerate(texts, 1)]


def questions(places: Places) -> list[Item]:
    """The spoken questions in voices kept out of training, with the answers that are right."""
    if places.sample:
        return _sample(places)
    path = places.checks / QUESTIONS_FILE
    try:
        recordings = read_recordings(path)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} can't be read as a list of spoken questions ({error}); make them with `stepwave prepare nano "
            "--step checks`, or name their folder with --checks"
        ) from error
    clinc = places.data / CLINC_FILE
    accepted = accepted_answers(PREPARED_SEED, clinc if clinc.is_file() else None)
    return [_heard(each, path.parent, accepted(each.text)) for each in recordings]


def timed_questions(places: Places) -> list[Item]:
    """The first of the spoken questions."""
    return questions(places)[:TIMED_QUESTIONS]


def _sample(places: Places) -> list[Item]:
    """Three recordings and their words, in place of all that is prepared."""
    return [replace(item, references=(), answer_language="") for item in own_items(sample_or(places, "speech"))]


def _people(places: Places) -> list[Recording]:
    try:
        return list(checked_people(places.data, PREPARED_SEED))
    except OSError as error:
        raise _missing(places.data, error) from error


def _missing(data: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{data} lacks {error.filename}; name the folder of recordings and texts with --data")


def _heard(recording: Recording, folder: Path | None = None, accepted: tuple[str, ...] = ()) -> Item:
    path = Path(recording.path) if folder is None else folder / recording.path
    return Item(recording.id, recording.text, Sound(str(path)), accepted)


SUITE: Final = Suite(
    "nano_quick",
    "transcribing, reading aloud, answering aloud, the vocoder, and speed on two cores",
    (
        Check(
            "transcription-librispeech",
            "transcription",
            "50 LibriSpeech speakers held out; references are Whisper base's transcripts, mistakes included",
            librispeech,
            "transcribe",
            (Measure("word error", measures.transcript, target=Target(20)),),
        ),
        Check(
            "transcription-ljspeech",
            "transcription",
            "32 LJ Speech clips",
            ljspeech,
            "transcribe",
            (Measure("word error", measures.transcript, target=Target(12)),),
        ),
        Check(
            "speech",
            "spoken text read back",
            "100 unseen sentences",
            sentences,
            "say",
            (Measure("word error", measures.read_back, target=Target(10)),),
        ),
        Check(
            "answers",
            "spoken answers",
            "spoken questions, unseen phrasings in unseen voices",
            questions,
            "reply_heard",
            (
                Measure("sound against text, word error", measures.sound_against_text, target=Target(12)),
                Measure("answers among those accepted", measures.accepted),
                Measure("question as heard, word error", measures.heard),
            ),
        ),
        Check(
            "vocoder",
            "vocoder alone",
            "mel of 32 LJ Speech clips to sound",
            ljspeech,
            "vocode",
            (
                Measure("original read back, word error", measures.original_read_back),
                Measure("vocoded read back, word error", measures.read_back),
                Measure("difference in word error", measures.added_errors, "points", target=Target(3)),
                Measure("PESQ-wb", measures.perceptual_quality, "", target=Target(2.5, "higher")),
            ),
        ),
        Check(
            "resynthesis",
            "resynthesis from speech tokens",
            "32 LJ Speech clips, said in nano's own voice",
            ljspeech,
            "resynthesise",
            (
                Measure("read back, word error", measures.read_back),
                Measure("more than the original", measures.added_errors, "points"),
            ),
        ),
        Check(
            "speed",
            "speed",
            "spoken questions of 5 s, silence before them; the model gets each whole when it ends",
            timed_questions,
            "timed_reply",
            (
                Measure("first sound, median", measures.first_sound, "s", "median", Target(1.5)),
                Measure("first sound, worst", measures.first_sound, "s", "worst"),
                Measure("real-time factor, median", measures.real_time_factor, "", "median", Target(1.0)),
                Measure("real-time factor, worst", measures.real_time_factor, "", "worst"),
                Measure("gaps within a reply, worst", measures.waiting, "s", "worst"),
            ),
            timed=True,
        ),
    ),
)
"""Targets are those set for the first version."""
